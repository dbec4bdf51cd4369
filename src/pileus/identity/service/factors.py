"""Several factors: which proofs a user must bring together, and receipts for those that were brought already.

A receipt is sealed with the keys of tokens, is no token, proves nothing alone, and ends with a change of the user's password.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import timedelta

import msgspec

from pileus.core.errors import Unauthenticated
from pileus.identity.errors import MoreProofs
from pileus.identity.formats import LONGEST
from pileus.identity.keys import Keys
from pileus.identity.model import User
from pileus.identity.payload import METHODS
from pileus.identity.service.core import Core
from pileus.identity.service.proofs import Proven
from pileus.identity.service.tokens import stamp

KIND = "receipt"


class Receipt(msgspec.Struct, frozen=True, array_like=True):
    """`kind` is no number, so it is never taken for a token."""

    kind: str
    user_id: str
    methods: list[str]
    expires: float
    generation: int
    credential_id: str | None = None


_decode = msgspec.msgpack.Decoder(Receipt).decode


class Factors:
    def __init__(self, core: Core, keys: Keys):
        self.core, self.keys = core, keys

    async def check(self, proven: Proven) -> None:
        """Raise MoreProofs, with a receipt, when the user must prove more than this."""
        parent, methods = proven.parent, proven.methods
        # A token that was just verified says who its user is now.
        same = parent is not None and parent.payload.user_id == proven.user_id
        user = parent.meaning.user if parent is not None and same else await self.core.store.users.find(proven.user_id)
        wanted = rules(user) if user is not None else []
        if user is None or not wanted or any(methods.issuperset(rule) for rule in wanted):
            return
        now = self.core.clock.now()
        ends = now + timedelta(seconds=self.core.config.receipt_expiration_s)
        shown = [m for m in METHODS if m in methods]
        receipt = Receipt(KIND, user.id, shown, ends.timestamp(), proven.generation, proven.credential_id)
        sealed = self.keys.seal(msgspec.msgpack.encode(receipt))
        domain = await self.core.store.projects.get(user.domain_id)
        raise MoreProofs(
            headers={"openstack-auth-receipt": sealed},
            required=wanted,
            receipt={
                "methods": shown,
                "user": {"id": user.id, "name": user.name, "domain": {"id": domain.id, "name": domain.name}},
                "issued_at": stamp(now),
                "expires_at": stamp(ends),
            },
        )

    async def brought(self, receipt: str) -> Receipt:
        """What a receipt says. Raises Unauthenticated for one that is none, has expired, or is void."""
        data = self.keys.open_token(receipt) if 0 < len(receipt) <= LONGEST else None
        try:
            found = _decode(data or b"")
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Unauthenticated() from None
        if found.kind != KIND or found.expires <= self.core.clock.now().timestamp():
            raise Unauthenticated()
        ends = [f"user:{found.user_id}"] + ([f"credential:{found.credential_id}"] if found.credential_id else [])
        if await self.core.store.revocations.any_since(ends, found.generation):
            raise Unauthenticated()
        return found


def rules(user: User) -> list[list[str]]:
    """The sets of methods any of which will do; none: any method will. What nobody could bring is no rule."""
    if not user.options.get("multi_factor_auth_enabled"):
        return []
    given = user.options.get("multi_factor_auth_rules") or []
    known = [[method for method in dict.fromkeys(rule) if method in METHODS] for rule in given]
    return [rule for rule in known if rule]
