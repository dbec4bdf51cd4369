"""Credentials that users keep here: EC2 keys (`ec2`), seeds of one-time passwords (`proofs`), certificates.

A blob is encrypted before it reaches the database, and decrypted only for who may see it. Owner, project and type never
change (OSSA-2020-004), and neither do the parts of an EC2 blob that say what it was made with.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from pileus.core.errors import Invalid
from pileus.identity import totp
from pileus.identity.errors import CredentialUnreadable
from pileus.identity.keys import Keys
from pileus.identity.model import Credential
from pileus.identity.service.core import Core
from pileus.identity.service.projects import merge
from pileus.identity.store.base import Filter

EC2 = "ec2"
#: What an EC2 blob says about the token it was made with.
_FIXED = ("trust_id", "app_cred_id", "access_token_id", "access_id")


class Credentials:
    def __init__(self, core: Core, keys: Keys):
        self.core, self.db, self.store, self.keys = core, core.db, core.store.credentials, keys

    async def get(self, id: str) -> Credential:
        return await self.store.get(id)

    async def find(self, id: str) -> Credential | None:
        return await self.store.find(id)

    async def matching(self, filters: list[Filter]) -> list[Credential]:
        return await self.store.matching(filters)

    async def create(
        self, *, user_id: str, type: str, blob: str, project_id: str | None = None, extra: dict | None = None
    ) -> Credential:
        """The id of EC2 keys is made from the access key, so there is one of each. Raises Invalid, Taken."""
        ec2 = type.lower() == EC2
        if ec2 and project_id is None:
            raise Invalid("'project_id' is a required property of an ec2 credential.")
        credential = Credential(
            id=hashlib.sha256(_ec2(blob)["access"].encode()).hexdigest() if ec2 else self.core.ids.hex(),
            user_id=user_id,
            project_id=project_id,
            type=type,
            sealed=self.keys.seal(blob.encode()),
            extra=extra or {},
        )
        async with self.db.transaction():
            if await self.core.store.users.find(user_id, lock=True) is None:
                raise Invalid(f"Could not find user: {user_id}.")
            if project_id is not None and await self.core.store.projects.find(project_id, lock=True) is None:
                raise Invalid(f"Could not find project: {project_id}.")
            await self.store.add(credential)
        return credential

    async def update(self, id: str, values: dict[str, Any], *, blob: str | None = None) -> Credential:
        """A new blob, which ends what was had by the old one, or more for the client to keep."""
        async with self.db.transaction():
            credential = await self.store.get(id, lock=True)
            for field in ("user_id", "project_id", "type"):
                if values.pop(field, getattr(credential, field)) != getattr(credential, field):
                    raise Invalid(f"Update of `{field}` is not allowed.")
            if blob is not None:
                self._check_fixed(credential, blob)
                values |= {"sealed": self.keys.seal(blob.encode()), "used_step": None}
                await self.core.generations.revoke(f"credential:{id}")
            merge(credential, values)
            return await self.store.change(credential, values)

    async def delete(self, id: str) -> None:
        """Tokens that were had by it end with it."""
        async with self.db.transaction():
            await self.store.remove(id)
            await self.core.generations.revoke(f"credential:{id}")

    async def take_passcode(self, user_id: str, passcode: str) -> str | None:
        """The user's credential that this one-time password is of, which is worth nothing from now on; None when it is of none."""
        now, previous = self.core.clock.now(), self.core.config.totp_included_previous_windows
        mine = await self.matching([Filter("user_id", "equals", user_id), Filter("type", "equals", "totp")])
        for credential, step in [(c, totp.step_of(self.blob(c), passcode, now, previous=previous)) for c in mine]:
            if step is not None and await self.store.use_step(credential.id, step):
                return credential.id
        return None

    def blob(self, credential: Credential) -> str:
        """What is inside. Raises CredentialUnreadable."""
        found = self.keys.open_token(credential.sealed)
        if found is None:
            raise CredentialUnreadable(id=credential.id)
        return found.decode()

    def _check_fixed(self, credential: Credential, blob: str) -> None:
        if credential.type.lower() != EC2:
            return
        old, new = _ec2(self.blob(credential)), _ec2(blob)
        for key in _FIXED:
            if old.get(key) != new.get(key):
                raise Invalid(f"{key} can not be updated for credential.")


def _ec2(blob: str) -> dict[str, Any]:
    """The blob of EC2 keys, which must be an object with an access key. Raises Invalid."""
    try:
        found = msgspec.json.decode(blob)
    except (msgspec.DecodeError, UnicodeError):
        raise Invalid("Invalid blob in credential: not JSON.") from None
    if not isinstance(found, dict) or not isinstance(found.get("access"), str) or not found["access"]:
        raise Invalid("Invalid blob in credential: expecting an object with the key 'access'.")
    return found
