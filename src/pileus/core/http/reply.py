"""What a handler may answer when a JSON body with the route's status is not all."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any


class Reply:
    """A status, headers and a body: JSON (`body`), bytes with a content type (`data`), or a stream of chunks of known length,
    or (where `Request.sends_files`) a file of that length."""

    __slots__ = ("body", "content_type", "data", "file", "headers", "length", "status", "stream")

    def __init__(self, status: int = 200, body: Any = None, headers: dict[str, str] | None = None, *, data: bytes | None = None,
                 content_type: str = "application/json", stream: AsyncGenerator[bytes, None] | None = None, length: int | None = None,
                 file: Path | None = None):
        self.status, self.body, self.headers = status, body, headers or {}
        self.data, self.content_type, self.stream, self.length = data, content_type, stream, length
        self.file = file
