"""The manifest of a static large object: what clients write, what is stored, what is told. Pure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import md5
from typing import Any

import msgspec

from pileus.object_store.pipeline.segments import Segment
from pileus.object_store.wire import json, ranges

KEYS = {"path", "etag", "size_bytes", "range"}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A segment as a client asks for it; None is not said."""

    path: str = ""                          # /CONTAINER/OBJECT
    said: str = ""                          # ... as the client wrote it
    etag: str | None = None
    size: int | None = None
    range: str | None = None
    data: bytes | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A segment as it is stored."""

    name: str = ""
    bytes: int = 0                          # of the object, whatever range of it is used
    hash: str = ""
    content_type: str = ""
    last_modified: str = ""
    range: str = ""                         # FIRST-LAST
    sub_slo: bool = False
    data: str = ""                          # in base64

    @property
    def part(self) -> Segment:
        if self.data:
            inline = b64decode(self.data)
            return Segment(size=len(inline), data=inline)
        first, last = (int(n) for n in self.range.split("-")) if self.range else (0, self.bytes - 1)
        return Segment(path=self.name, first=first, size=last - first + 1, etag=self.hash, manifest=self.sub_slo)


def parse(body: bytes, own_path: str) -> tuple[list[Wanted], list[str]]:
    """The segments and what is wrong with them. Raises ValueError when it is no manifest at all."""
    try:
        listed = json.parse(body)
    except ValueError:
        raise ValueError("Manifest must be valid JSON.\n") from None
    if not isinstance(listed, list):
        raise ValueError("Manifest must be a list.\n")
    wanted, wrong = [], []
    for number, item in enumerate(listed):
        try:
            wanted.append(_segment(item, own_path))
        except ValueError as problem:
            wrong.append(f"Index {number}: {problem}")
    if not wrong and not any(w.data is None for w in wanted):
        wrong.append("Inline data segments require at least one object-backed segment.")
    return wanted, wrong


def _segment(item: Any, own_path: str) -> Wanted:
    if not isinstance(item, dict):
        raise ValueError("not a JSON object")
    if "data" in item and "path" not in item:
        return _inline(item)
    if "path" not in item:
        raise ValueError('expected keys to include one of "path" or "data"')
    if extra := sorted(item.keys() - KEYS):
        raise ValueError("extraneous keys " + ", ".join(f'"{key}"' for key in extra))
    path, etag, size, span = (item.get(key) for key in ("path", "etag", "size_bytes", "range"))
    if not isinstance(path, str):
        raise ValueError('"path" must be a string')
    said, path = path, "/" + path.lstrip("/")
    if path.count("/") < 2 or not path.split("/", 2)[1] or not path.split("/", 2)[2]:
        raise ValueError("path does not refer to an object. Path must be of the form /container/object.")
    if path == own_path:
        raise ValueError("manifest must not include itself as a segment")
    size = None if size in ("", None) else _number(size)
    if etag is not None and not isinstance(etag, str):
        raise ValueError('"etag" must be a string')
    if span is not None:
        _check_range(span, size)
    return Wanted(path=path, said=said, etag=(etag or None) and etag.strip('"').lower(), size=size, range=span)


def _inline(item: dict[str, Any]) -> Wanted:
    if extra := sorted(item.keys() - {"data"}):
        raise ValueError("extraneous keys " + ", ".join(f'"{key}"' for key in extra))
    try:
        data = b64decode(item["data"], validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise ValueError("data must be valid base64") from None
    if not data:
        raise ValueError("too small; each segment must be at least 1 byte.")
    return Wanted(data=data, size=len(data))


def _number(size: Any) -> int:
    try:
        found = int(size)
    except (TypeError, ValueError):
        raise ValueError("invalid size_bytes") from None
    if found < 1:
        raise ValueError("too small; each segment must be at least 1 byte.")
    return found


def _check_range(span: Any, size: int | None) -> None:
    pieces = ranges.parse(f"bytes={span}", size if size is not None else 1 << 62) if isinstance(span, str) else None
    if pieces is None:
        raise ValueError("invalid range")
    if "," in span:
        raise ValueError("multiple ranges (only one allowed)")
    if not pieces:
        raise ValueError("unsatisfiable range")


def etag_of(entries: Sequence[Entry]) -> str:
    """The ETag of the whole: a hash of the segments' ones, with the ranges that are used of them."""
    digest = md5(usedforsecurity=False)
    for entry in entries:
        if entry.data:
            digest.update(md5(b64decode(entry.data), usedforsecurity=False).hexdigest().encode())
        else:
            digest.update((f"{entry.hash}:{entry.range};" if entry.range else entry.hash).encode())
    return digest.hexdigest()


def size_of(entries: Sequence[Entry]) -> int:
    return sum(entry.part.size for entry in entries)


def stored(entries: Sequence[Entry]) -> bytes:
    return msgspec.json.encode(entries)


def load(body: bytes) -> list[Entry]:
    return msgspec.json.decode(body, type=list[Entry])


def raw(entries: Sequence[Entry]) -> bytes:
    """As a client would write it."""
    shown: list[dict[str, Any]] = []
    for entry in entries:
        if entry.data:
            shown.append({"data": entry.data})
        else:
            own = {"path": entry.name, "etag": entry.hash, "size_bytes": entry.bytes}
            shown.append(own | ({"range": entry.range} if entry.range else {}))
    return msgspec.json.encode(shown)


def inline(data: bytes) -> Entry:
    return Entry(data=b64encode(data).decode())
