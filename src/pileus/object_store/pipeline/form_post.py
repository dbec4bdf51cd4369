"""Uploads by a form of a web page, which somebody with the account's or container's key signed: each file becomes an object.

What the signature covers: the path that names begin with, where the browser goes afterwards, how large and how many the files may
be, and until when. Fields behind the files are not looked at. (Object Storage API reference, "Form POST middleware".)
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import binascii
from collections.abc import AsyncIterator
from html import escape
from typing import Any
from urllib.parse import quote

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.pipeline.signatures import OUTDATED, keys_of, parse, signs
from pileus.object_store.wire.forms import Part, Parts, parameter
from pileus.object_store.wire.message import Request, Response, Stop
from pileus.object_store.wire.status import plain, reason

#: Bytes of a field that is no file.
FIELD_MOST = 4096
#: Fields that are headers of every file; others may come with each.
CHALLENGE = {"www-authenticate": 'Swift realm="unknown"'}
OF_FILES = ("content-type", "content-encoding")
EXPIRY = {"x_delete_at": "Unix timestamp", "x_delete_after": "Number of seconds"}


class FormPost(Feature):
    def info(self) -> dict[str, Any]:
        allowed = self.store.config.tempurl.allowed_digests
        return {"formpost": {"allowed_digests": allowed, "deprecated_digests": [name for name in allowed if name in OUTDATED]}}

    def concerns(self, req: Request) -> bool:
        return req.method == "POST" and req.body is not None

    async def __call__(self, req: Request) -> Response:
        kind = req.header("content-type")
        if req.body is None or kind.partition(";")[0].strip().lower() != "multipart/form-data":
            return await self.app(req)
        boundary = parameter(kind, "boundary")
        if not boundary:
            return await self.app(req)
        form = Form(self, req)
        try:
            async for part in Parts(req.body, boundary):
                if part.filename:
                    await form.file(part)
                    if form.status >= 300:
                        break
                else:
                    await form.field(part)
        except ValueError as problem:
            return _said(400, str(problem))
        return form.answer()


class Form:
    """What has been seen of a form. A file that is refused ends it: those before it stay."""

    def __init__(self, feature: FormPost, req: Request):
        self.feature, self.req = feature, req
        self.fields: dict[str, str] = {}
        self.files, self.status, self.message, self.refusal = 0, 0, "", b""
        self.keys: list[str] | None = None

    async def field(self, part: Part) -> None:
        text = b""
        async for data in part.body:
            text = (text + data)[:FIELD_MOST]
        if part.name:
            self.fields[part.name.lower()] = text.decode("utf-8", "replace").rstrip("\r\n-")

    async def file(self, part: Part) -> None:
        """Store one file. Raises Stop or ValueError when the form may not do that."""
        self.files += 1
        if self.files > self._number("max_file_count"):
            self.status, self.message = 400, "max file count exceeded"
            return
        await self._check_signature()
        path = self.req.path if self.req.path.endswith("/") or self.req.path.count("/") >= 4 else self.req.path + "/"
        headers = {"transfer-encoding": "chunked"} | {name: part.headers[name] for name in OF_FILES if name in part.headers}
        headers |= {name: self.fields[name] for name in OF_FILES if self.fields.get(name)}
        for name, kind in EXPIRY.items():
            if name in self.fields:
                if not self.fields[name].lstrip("-").isdigit():
                    raise ValueError(f"{name} not an integer: {kind} required.")
                headers[name.replace("_", "-")] = self.fields[name]
        body = self._capped(part.body, self._number("max_file_size"))
        made = await self.feature.app(self.req.child("PUT", path + str(part.filename), headers, body=body, source="FP", trusted=True))
        self.status, self.refusal = made.status, await made.read()

    async def _capped(self, body: AsyncIterator[bytes], most: int) -> AsyncIterator[bytes]:
        size = 0
        async for data in body:
            size += len(data)
            if size > most:
                raise Stop(_said(400, "max_file_size exceeded"))
            yield data

    async def _check_signature(self) -> None:
        """Raises Stop or ValueError."""
        expires = self._number("expires")
        if expires < self.feature.store.clock.now().timestamp():
            raise Stop(plain(401, "FormPost: Form Expired", CHALLENGE))
        said = (self.req.path, self.fields.get("redirect") or "", *((self.fields.get(name) or "0") for name in
                ("max_file_size", "max_file_count", "expires")))
        try:
            digest, given = parse(self.fields.get("signature", ""))
        except (ValueError, binascii.Error):
            raise Stop(plain(401, "FormPost: Invalid Signature", CHALLENGE)) from None
        message = "\n".join(said).encode("utf-8", "surrogateescape")
        allowed = digest in self.feature.store.config.tempurl.allowed_digests
        if not allowed or not any([signs(key, given, message, digest) for key in await self._keys()]):
            raise Stop(plain(401, "FormPost: Invalid Signature", CHALLENGE))

    async def _keys(self) -> list[str]:
        if self.keys is None:
            _, account, container, *_ = [*self.req.path.split("/")[1:4], "", "", ""]
            found = keys_of(self.feature.store, account, container)
            self.keys = [key async for key, _ in found] if account and container else []
        return self.keys

    def _number(self, name: str) -> int:
        try:
            return int(self.fields.get(name) or 0)
        except ValueError:
            raise ValueError(f"{name} not an integer") from None

    def answer(self) -> Response:
        """How it went; for a page that wants to go on, where to."""
        if not self.status:
            self.status, self.message = 400, "no files to process"
        redirect = self.fields.get("redirect", "")
        if not redirect:
            text = f"{self.status} {reason(self.status)}" + (f"\r\nFormPost: {self.message.title()}" if self.message else "")
            return plain(self.status, None if self.status >= 300 and self.refusal else text)
        if any(ord(character) < 32 for character in redirect):
            return _said(400, "invalid redirect")
        redirect += f"{'&' if '?' in redirect else '?'}status={self.status}&message={quote(self.message)}"
        page = f'<html><body><p><a href="{escape(redirect)}">Click to continue...</a></p></body></html>'
        return Response(303, {"location": redirect, "content-type": "text/html; charset=UTF-8"}, page.encode("utf-8", "surrogateescape"))


def _said(status: int, text: str) -> Response:
    return plain(status, f"FormPost: {text}")
