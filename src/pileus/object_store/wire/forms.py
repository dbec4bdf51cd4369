"""Bodies of forms (multipart/form-data, RFC 7578), part by part, as they come. Raises ValueError for what is none."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from email.message import Message

import msgspec

#: Bytes of one part's headers.
HEADERS_MOST = 16_384


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """`body` is what comes next: it has to be read before the next part, or it is skipped."""

    headers: Mapping[str, str]
    name: str
    filename: str | None
    body: AsyncIterator[bytes]


def parameter(header: str, name: str) -> str | None:
    """A parameter of a header's value, as `boundary` of a Content-Type."""
    message = Message()
    message["content-type"] = header
    found = message.get_param(name)
    return found if isinstance(found, str) else None


class Parts:
    """The parts of a body."""

    def __init__(self, body: AsyncIterator[bytes], boundary: str):
        self.source = aiter(body)
        self.delimiter = b"\r\n--" + boundary.encode("utf-8", "surrogateescape")
        self.held = b"\r\n"                      # as if the first boundary had a line before it

    async def __aiter__(self) -> AsyncIterator[Part]:
        async for data in self._until(self.delimiter):
            if data:
                raise ValueError("invalid starting boundary")
        while await self._line() != b"--":
            headers = await self._headers()
            said = headers.get("content-disposition", "")
            disposition = said.replace("form-data", "form/data", 1)     # parameters are read as those of a type
            body = self._until(self.delimiter)
            yield Part(headers=headers, name=parameter(disposition, "name") or "", filename=parameter(disposition, "filename"), body=body)
            async for _ in body:
                pass

    async def _line(self) -> bytes:
        """What is behind a boundary: `--`, or nothing when another part follows."""
        while len(self.held) < 2:
            if not await self._more():
                raise ValueError("the form ends too early")
        end, self.held = self.held[:2], self.held[2:]
        if end not in (b"--", b"\r\n"):
            raise ValueError("invalid boundary")
        return end.strip()

    async def _headers(self) -> dict[str, str]:
        text = b""
        self.held = b"\r\n" + self.held          # there may be no headers at all
        async for data in self._until(b"\r\n\r\n"):
            text += data
            if len(text) > HEADERS_MOST:
                raise ValueError("a part has too long headers")
        lines = text.decode("utf-8", "surrogateescape").split("\r\n")
        pairs = (line.partition(":") for line in lines if ":" in line)
        return {name.strip().lower(): value.strip() for name, _, value in pairs}

    async def _until(self, delimiter: bytes) -> AsyncIterator[bytes]:
        """What comes before a delimiter, which is taken away with it."""
        while (at := self.held.find(delimiter)) < 0:
            safe = len(self.held) - len(delimiter) + 1
            if safe > 0:
                data, self.held = self.held[:safe], self.held[safe:]
                yield data
            if not await self._more():
                raise ValueError("the form ends too early")
        data, self.held = self.held[:at], self.held[at + len(delimiter):]
        if data:
            yield data

    async def _more(self) -> bool:
        chunk = await anext(self.source, b"")
        self.held += chunk
        return bool(chunk)
