"""What is written: encrypted while it goes by."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from hashlib import md5
from typing import TYPE_CHECKING

import msgspec

from pileus.object_store.pipeline.encryption import cipher
from pileus.object_store.pipeline.encryption.cipher import BLOCK, Sealed
from pileus.object_store.pipeline.encryption.keys import masked
from pileus.object_store.pipeline.encryption.names import BODY, EMPTY, ETAG, ETAG_MAC, LISTED, META, SHOWN
from pileus.object_store.proxy import constraints
from pileus.object_store.storage.threads import Beside
from pileus.object_store.wire.message import Request, Response, Stop
from pileus.object_store.wire.status import plain

if TYPE_CHECKING:
    from pileus.object_store.pipeline.encryption import Encryption


async def handle(feature: Encryption, req: Request, container: str, path: str) -> Response:
    """PUT and POST. `container`, `path`: what keys are made for."""
    constraints.check_metadata(req, "object", feature.store.proxy.limits)      # while it can still be read
    key, new_iv = feature.keys.key(path), feature.store.ids.secret
    for name in [name for name in req.headers if name.startswith(SHOWN) and req.headers[name]]:
        sealed = cipher.value(req.headers.pop(name), key, feature.keys.active, new_iv(BLOCK))
        req.headers[META + name.removeprefix(SHOWN)] = sealed
    if req.method == "POST":
        return await feature.app(req)
    body = Body(feature, req, container, path)
    response = await feature.app(req)
    if response.ok and body.size and response.header("etag"):
        response.headers["etag"] = body.digest.hexdigest()
    return response


class Body:
    """The body of a request, in whose place it puts itself: encrypted, its hash taken on the way. An empty one stays as it is."""

    def __init__(self, feature: Encryption, req: Request, container: str, path: str):
        self.feature, self.container, self.path = feature, container, path
        self.body, self.footers, self.size = req.body, req.footers, 0
        self.digest = md5(usedforsecurity=False)
        self.beside = Beside(feature.store.proxy.threads, self.digest.update)
        ids = feature.store.ids
        self.key, self.iv, self.key_iv, self.etag_iv, self.listed_iv = ids.secret(32), *(ids.secret(BLOCK) for _ in range(4))
        self.cipher = cipher.stream(self.key, self.iv)
        self.told = req.headers.pop("etag", "").strip('"').lower() if req.body is not None else ""
        self.listed = req.headers.get(LISTED)
        if req.body is not None:
            req.body = self
        req.footers = self._footers

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await anext(self.body)  # type: ignore[arg-type]
        except StopAsyncIteration:
            await self.beside.settle()
            if self.told and self.told != self.digest.hexdigest():
                raise Stop(plain(422)) from None
            raise
        await self.beside.take(chunk)
        self.size += len(chunk)
        return self.cipher.update(chunk)

    def _footers(self) -> Mapping[str, str]:
        """What is known when all of it has gone by. Raises Stop when a feature expected something else."""
        given = dict(self.footers() if self.footers is not None else {})
        etag, active, keys = self.digest.hexdigest(), self.feature.keys.active, self.feature.keys
        if (wanted := given.pop("etag", "").strip('"')) and wanted != etag:
            raise Stop(plain(422))
        if self.size:
            key = keys.key(self.path)
            sealed = Sealed(secret=active, iv=_text(self.iv), key_iv=_text(self.key_iv),
                            key=_text(cipher.stream(key, self.key_iv).update(self.key)))
            given |= {BODY: msgspec.json.encode(sealed).decode(), ETAG: cipher.value(etag, key, active, self.etag_iv),
                      ETAG_MAC: masked(etag, key)}
        shown = given.get(LISTED, self.listed if self.listed is not None else etag)
        if shown and (shown != EMPTY or self.size):
            given[LISTED] = cipher.value(shown, keys.key(self.container), active, self.listed_iv)
        return given


def _text(data: bytes) -> str:
    return b64encode(data).decode()
