"""Encryption at rest: bodies, ETags and the metadata of users are encrypted before they reach a storage server.

Names, sizes and content types are not; nor is what features keep. Everything further out sees what clients sent. With no secret
configured nothing is encrypted, and what was is refused, never given as it lies there; with `encrypt = false` nothing more is, and
what is there stays readable. (Swift, "Object Encryption".)
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.log import Log
from pileus.object_store.pipeline.encryption import reading, writing
from pileus.object_store.pipeline.encryption.cipher import MARK, Undecipherable, opened, secret_of
from pileus.object_store.pipeline.encryption.keys import Keymaster
from pileus.object_store.pipeline.encryption.names import BODY
from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.pipeline.listing_formats import listed
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain

log = Log("pileus.object_store.encryption")

#: The hash in a listing of what cannot be decrypted: its name is no secret.
UNKNOWN = "<unknown>"


class Encryption(Feature):
    """Raises ValueError when its secrets are none."""

    def __init__(self, *args: Any):
        super().__init__(*args)
        config = self.store.config.encryption
        self.keys = Keymaster(config.root_secrets, config.active_root_secret_id)

    def concerns(self, req: Request) -> bool:
        return bool(self.keys.roots) or req.method in ("GET", "HEAD")

    async def __call__(self, req: Request) -> Response:
        try:
            return await self._handle(req)
        except Undecipherable as problem:
            log.error("cannot be decrypted", path=req.path, reason=str(problem))
            return plain(500, "Error decrypting object")

    async def _handle(self, req: Request) -> Response:
        try:
            _, account, container, obj = req.split(3, 4)
        except ValueError:
            return await self.app(req)
        names = f"/{account}/{container}"
        if obj is None:
            return await listed(self.app, req, MARK.encode(), lambda row: self._row(row, names))
        if not self.keys.roots:
            return await self._unless_encrypted(req)
        if req.method in ("GET", "HEAD"):
            return await reading.show(self, req, f"{names}/{obj}")
        if req.method in ("PUT", "POST") and self.store.config.encryption.encrypt:
            return await writing.handle(self, req, names, f"{names}/{obj}")
        return await self.app(req)

    async def _unless_encrypted(self, req: Request) -> Response:
        """Raises Undecipherable."""
        response = await self.app(req)
        if BODY in response.headers:
            await response.close()
            raise Undecipherable("no secret is configured")
        return response

    def _row(self, row: dict[str, Any], names: str) -> dict[str, Any]:
        secret = secret_of(row.get("hash", ""))
        if secret is None:
            return row
        try:
            return row | {"hash": opened(row["hash"], self.keys.key(names, secret))}
        except Undecipherable as problem:
            log.error("cannot be decrypted", listing=names, name=row["name"], reason=str(problem))
            return row | {"hash": UNKNOWN}
