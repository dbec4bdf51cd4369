"""Credentials that users keep here."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.identity.errors import CredentialNotFound
from pileus.identity.model import Credential
from pileus.identity.store.base import Table
from pileus.identity.store.tables import credentials


class Credentials(Table[Credential]):
    table, kind, noun, not_found = credentials, Credential, "credential", CredentialNotFound

    def taken(self, record: Credential) -> str:
        return f"Duplicate ID, {record.id}"
