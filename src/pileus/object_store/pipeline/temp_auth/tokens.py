"""Tokens that carry what they say: who holds them, until when, and which groups that makes. Every proxy of a cluster reads them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import hmac

import msgspec

from pileus.core.clock import Clock
from pileus.object_store.model.names import Hashing

#: What such a token begins with, behind the reseller's prefix.
MARK = "ftk"


class Bearer(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a token: ACCOUNT:USER. `groups` begins with the account and that name."""

    user: str
    groups: tuple[str, ...]
    expires: float

    @property
    def account(self) -> str:
        return self.user.partition(":")[0]


class Tokens:
    """`prefix`: the reseller's, by which its tokens are told from others."""

    def __init__(self, hashing: Hashing, clock: Clock, prefix: str):
        self.clock, self.prefix = clock, prefix + MARK
        secret = (hashing.prefix + hashing.suffix).encode()
        self.key = base64.urlsafe_b64encode(hmac.digest(secret, b"tokens of the object store's own users", "sha256"))

    def make(self, bearer: Bearer) -> str:
        from cryptography.fernet import Fernet  # 24 ms that only those pay who use this

        return self.prefix + Fernet(self.key).encrypt(msgspec.json.encode(bearer)).decode()

    def read(self, token: str) -> Bearer | None:
        """Who holds it; None when it is none of ours, or over."""
        if not token.startswith(self.prefix):
            return None
        from cryptography.fernet import Fernet, InvalidToken

        try:
            bearer = msgspec.json.decode(Fernet(self.key).decrypt(token[len(self.prefix):].encode("ascii", "replace")), type=Bearer)
        except (InvalidToken, msgspec.MsgspecError):
            return None
        return bearer if bearer.expires > self.clock.now().timestamp() else None
