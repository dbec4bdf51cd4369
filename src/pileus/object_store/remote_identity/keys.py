"""Whose an access key of S3's is, by what was signed with it.

Identity says whether a signature fits, and who its owner is. If it tells the service the secret as well, the next requests are
looked at here, and bodies whose chunks are signed can be taken.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
from collections import OrderedDict
from urllib.parse import quote

from pileus.core.clock import Clock
from pileus.core.errors import Unauthenticated
from pileus.object_store.pipeline.identity import Signed, Signer
from pileus.object_store.remote_identity.ask import IdentityService, context_of
from pileus.object_store.remote_identity.tokens import KEEP_S, MOST


class RemoteKeys:
    """`Signers` over HTTP."""

    def __init__(self, service: IdentityService, clock: Clock):
        self.service, self.clock = service, clock
        self.known: OrderedDict[str, tuple[float, Signer]] = OrderedDict()

    async def __call__(self, access: str, signed: Signed, *, request_id: str = "") -> Signer | None:
        """Raises Unauthenticated for a signature that identity does not take, or a key that is nobody's: it does not tell which."""
        now = self.clock.monotonic()
        if (known := self.known.get(access)) is not None and now - known[0] < KEEP_S:
            return known[1]
        for text in signed.texts:
            if (signer := await self._of(access, text, signed.signature)) is not None:
                break
        else:
            raise Unauthenticated()
        if signer.secret is not None:
            self.known[access] = now, signer
            while len(self.known) > MOST:
                self.known.popitem(last=False)
        return signer

    async def _of(self, access: str, text: str, signature: str) -> Signer | None:
        token = base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()
        given = {"access": access, "signature": signature, "token": token}
        answer = await self.service.ask_as_service("POST", "/s3tokens?nocatalog", body={"credentials": given})
        if answer.status != 200:
            return None
        who = context_of(answer.token, answer.body["token"])
        path = f"/users/{quote(who.user_id or '', safe='')}/credentials/OS-EC2/{quote(access, safe='')}"
        told = await self.service.ask_as_service("GET", path)
        secret = told.body["credential"]["secret"] if told.status == 200 else None
        return Signer(secret=secret, who=who)
