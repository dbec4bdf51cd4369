"""EC2 keys: credentials of a user for one project, and tokens for who signs with them.

Only a service may ask whether a signature fits (OSSA-2025-002): a signature that was overheard must be worth nothing to
others. Keys that were made on somebody's behalf, by a trust or an application credential, open nothing.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
from datetime import timedelta

import msgspec

from pileus.core.errors import Unauthenticated
from pileus.identity.errors import CredentialNotFound
from pileus.identity.model import Credential
from pileus.identity.service.core import Core
from pileus.identity.service.credentials import EC2, Credentials
from pileus.identity.service.generations import TOKENS
from pileus.identity.service.logins import Logins
from pileus.identity.service.tokens import Verified
from pileus.identity.signatures import Signed, fits, fits_s3
from pileus.identity.store.base import Filter

#: How far a signature's date may be from now.
WITHIN = timedelta(minutes=15)


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Inside the blob of a credential."""

    access: str
    secret: str
    trust_id: str | None = None
    app_cred_id: str | None = None
    access_token_id: str | None = None


_decode = msgspec.json.Decoder(Pair).decode


class Ec2:
    def __init__(self, core: Core, credentials: Credentials, logins: Logins):
        self.core, self.credentials, self.logins = core, credentials, logins
        self.tokens: dict[str, str] = {}    # of access keys that sign often: their last token, while it is good

    async def create(self, user_id: str, project_id: str) -> tuple[Credential, Pair]:
        """Raises Invalid for a user or project that is not there."""
        pair = Pair(access=self.core.ids.secret(16).hex(), secret=self.core.ids.secret(16).hex())
        blob = msgspec.json.encode(pair).decode()
        return await self.credentials.create(user_id=user_id, project_id=project_id, type=EC2, blob=blob), pair

    async def of_user(self, user_id: str) -> list[tuple[Credential, Pair]]:
        found = await self.credentials.matching([Filter("user_id", "equals", user_id), Filter("type", "equals", EC2)])
        pairs = [(c, self._pair(c)) for c in found]
        return [(c, pair) for c, pair in pairs if pair is not None]

    async def get(self, user_id: str, access: str) -> tuple[Credential, Pair]:
        """Of this user: everybody else's are not there."""
        found = await self._find(access)
        if found is None or found[0].user_id != user_id:
            raise CredentialNotFound(id=access)
        return found

    async def delete(self, user_id: str, access: str) -> None:
        credential, _ = await self.get(user_id, access)
        await self.credentials.delete(credential.id)

    async def log_in(self, signed: Signed) -> Verified:
        """A token for who signed a request to EC2's API. Raises Unauthenticated."""
        return await self._log_in(signed.access, lambda secret: fits(secret, signed, self.core.clock.now(), WITHIN))

    async def log_in_s3(self, access: str, signature: str, token: str) -> Verified:
        return await self._log_in(access, lambda secret: fits_s3(secret, signature, token))

    async def signer(self, access: str) -> tuple[str, Verified] | None:
        """The secret of an access key and what its owner may do now, for parts of the cloud that check signatures themselves."""
        verified = await self.logins.tokens.find(self.tokens[access]) if access in self.tokens else None
        generation = (await self.core.generations.read())[TOKENS] if verified is None else 0
        found = await self._find(access)
        if found is None or not _opens(found[1]):
            return None
        if verified is None:
            try:
                verified = await self.logins.issue_signed(found[0], generation)
            except Unauthenticated:
                return None
            self.tokens[access] = verified.token
            while len(self.tokens) > self.core.config.token_cache:
                self.tokens.pop(next(iter(self.tokens)))
        return found[1].secret, verified

    async def _log_in(self, access: str, fitting) -> Verified:
        generation = (await self.core.generations.read())[TOKENS]
        found = await self._find(access)
        # Nobody's key takes the same work.
        fits_it = fitting(found[1].secret if found is not None else "nobodys")
        if found is None or not fits_it:
            raise Unauthenticated()
        credential, pair = found
        if not _opens(pair):
            raise Unauthenticated()
        return await self.logins.issue_signed(credential, generation)

    async def _find(self, access: str) -> tuple[Credential, Pair] | None:
        credential = await self.credentials.find(hashlib.sha256(access.encode("utf-8", "replace")).hexdigest())
        if credential is None or credential.type.lower() != EC2:
            return None
        pair = self._pair(credential)
        return (credential, pair) if pair is not None and pair.access == access else None

    def _pair(self, credential: Credential) -> Pair | None:
        """None for what users have put there themselves and is no pair of keys."""
        try:
            return _decode(self.credentials.blob(credential))
        except msgspec.DecodeError:
            return None


def _opens(pair: Pair) -> bool:
    """Whether it is its user's own: what was made on somebody's behalf opens nothing."""
    return not (pair.trust_id or pair.app_cred_id or pair.access_token_id)
