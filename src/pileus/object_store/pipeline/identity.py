"""How the object store learns who holds a token: a function that the cloud gives it, and nothing else."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Protocol

import msgspec

from pileus.core.context import Context


class Identify(Protocol):
    async def __call__(self, token: str, service_token: str | None = None, *, request_id: str = "", method: str, path: str) -> Context:
        """Who holds these tokens. Raises `core.errors.Unauthenticated`, also when a token is not for requests like this one."""


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """What was signed with an access key: one of these texts, as clients differ in how they write the same."""

    texts: tuple[str, ...]
    signature: str


class Signer(msgspec.Struct, frozen=True, kw_only=True):
    """Whose access key it is, and the secret that its owner signs with: None when the signature was found right by who told this,
    who keeps the secret to himself."""

    secret: str | None
    who: Context
    token: str = ""                         # what says further in who asks; empty: `who` does
    prefix: str | None = None               # what the account begins with; None: as those of projects do

    def __repr__(self) -> str:
        return f"<Signer {self.who.user_id}>"


class Signers(Protocol):
    async def __call__(self, access: str, signed: Signed, *, request_id: str = "") -> Signer | None:
        """Whose access key this is; None when it is nobody's, or its owner may not use it. Who does not tell the secret raises
        Unauthenticated for a wrong signature."""
