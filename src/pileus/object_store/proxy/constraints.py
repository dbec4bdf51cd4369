"""What names and metadata may be. Each check raises Stop with the answer."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import mimetypes
from collections.abc import Mapping

from pileus.object_store.model.limits import Limits
from pileus.object_store.model.names import RESERVED
from pileus.object_store.wire.message import Request, Stop, is_true
from pileus.object_store.wire.status import plain

#: Headers besides metadata that are kept as they come.
KEPT = frozenset({"content-type", "content-encoding", "content-disposition", "content-language", "cache-control", "expires",
                  "x-robots-tag", "x-object-manifest", "x-container-read", "x-container-write", "x-container-sync-key",
                  "x-container-sync-to"})


def size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))


def is_text(text: str) -> bool:
    """UTF-8 without NUL."""
    return "\0" not in text and (text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text))


def check_name(kind: str, name: str, most: int) -> None:
    if size(name) > most and not name.startswith(RESERVED):
        text = f"{kind} name length of {size(name)} longer than {most}"
        raise Stop(plain(400, text, {"content-type": "text/html; charset=UTF-8"}))


def settle_type(req: Request) -> None:
    """Give an object that has none the type that its name tells; any, when the client wants it told by the name."""
    if not req.header("content-type") or is_true(req.headers.pop("x-detect-content-type", "")):
        req.headers["content-type"] = mimetypes.guess_type(req.path)[0] or "application/octet-stream"


def check_metadata(req: Request, kind: str, limits: Limits) -> None:
    """The user's metadata of a request, and its headers' lengths."""
    prefix = f"x-{kind}-meta-"
    count = total = 0
    for name, value in req.headers.items():
        if size(value) > limits.max_header_size:
            raise Stop(plain(400, f"Header value too long: {name[:limits.max_meta_name_length]}"))
        if not is_text(value) and (name in KEPT or "-sysmeta-" in name):
            raise Stop(plain(400, f"{name} must be valid UTF-8"))
        if not name.startswith(prefix):
            continue
        short = name[len(prefix):]
        if not short:
            raise Stop(plain(400, "Metadata name cannot be empty"))
        if not is_text(value) or not is_text(short):
            raise Stop(plain(400, "Metadata must be valid UTF-8"))
        count += 1
        total += size(short) + size(value)
        if size(short) > limits.max_meta_name_length:
            raise Stop(plain(400, f"Metadata name too long: {name}"))
        if size(value) > limits.max_meta_value_length:
            raise Stop(plain(400, f"Metadata value longer than {limits.max_meta_value_length}: {name}"))
    if count > limits.max_meta_count:
        raise Stop(plain(400, f"Too many metadata items; max {limits.max_meta_count}"))
    if total > limits.max_meta_overall_size:
        raise Stop(plain(400, f"Total metadata too large; max {limits.max_meta_overall_size}"))


def merged_metadata(known: Mapping[str, str], req: Request, kind: str, limits: Limits) -> None:
    """Metadata of an account or container with what a request adds to it."""
    prefix = f"x-{kind}-meta-"
    merged = {n: v for n, v in {**known, **req.headers}.items() if n.startswith(prefix) and v}
    check_metadata(Request(req.method, req.path, merged), kind, limits)
