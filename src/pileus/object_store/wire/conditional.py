"""Preconditions of readers: If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since (RFC 9110, 13)."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain

#: Which headers, in the caller's order, say what preconditions compare with, instead of the body's own ETag.
ETAG_IS_AT = "x-backend-etag-is-at"


def refused(req: Request, headers: Mapping[str, str]) -> Response | None:
    """304 or 412 when what `headers` describe is not what the reader asked for; None: go on."""
    if "if-match" in req.headers and not _named(req.header("if-match"), etag_of(req, headers)):
        return _answer(412, headers)
    if "if-none-match" in req.headers and _named(req.header("if-none-match"), etag_of(req, headers)):
        return _answer(304 if req.method in ("GET", "HEAD") else 412, headers)
    if "if-unmodified-since" not in req.headers and "if-modified-since" not in req.headers:
        return None
    modified = moment(headers.get("last-modified", ""))
    if modified is None:
        return None
    since = moment(req.header("if-unmodified-since"))
    if since is not None and modified > since:
        return _answer(412, headers)
    since = moment(req.header("if-modified-since"))
    if since is not None and "if-none-match" not in req.headers and modified <= since:
        return _answer(304, headers)
    return None


def etag_of(req: Request, headers: Mapping[str, str]) -> str:
    for name in req.header(ETAG_IS_AT).split(","):
        if name.strip() and (found := headers.get(name.strip().lower())):
            return found.strip('"')
    return headers.get("etag", "").strip('"')


def ask_at(req: Request, name: str) -> None:
    """Have preconditions compare with a header of the object, where it has it; what was asked for before comes first."""
    known = req.header(ETAG_IS_AT)
    req.headers[ETAG_IS_AT] = f"{known},{name}" if known else name


def moment(text: str) -> datetime | None:
    """A date of HTTP; None for what is none."""
    try:
        found = parsedate_to_datetime(text) if text else None
    except (ValueError, OverflowError):
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def _named(header: str, etag: str) -> bool:
    names = [part.strip().removeprefix("W/").strip('"') for part in header.split(",")]
    return "*" in names or etag in names


def _answer(status: int, headers: Mapping[str, str]) -> Response:
    answer = plain(status)
    kept = {n: v for n, v in headers.items() if n not in ("content-length", "content-type", "content-range")}
    if status == 304:
        answer.body = b""
    answer.headers = {**kept, "content-type": answer.header("content-type") if status == 412 else headers.get("content-type", "")}
    return answer
