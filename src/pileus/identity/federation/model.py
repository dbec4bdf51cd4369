"""Records of federation. Pure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus.identity.model import Record


class IdentityProvider(Record, frozen=True, kw_only=True):
    """Who identifies people for us. Those it identifies are users of its domain. `authorization_ttl`: minutes."""

    domain_id: str
    enabled: bool = False
    description: str | None = None
    remote_ids: tuple[str, ...] = ()
    authorization_ttl: int | None = None


class Mapping(Record, frozen=True, kw_only=True):
    """Rules in the form of `mapping`."""

    rules: list[dict[str, Any]]
    schema_version: str = "1.0"


class Protocol(msgspec.Struct, frozen=True, kw_only=True):
    """How an identity provider speaks to us, and the mapping for what it says."""

    idp_id: str
    id: str
    mapping_id: str
    remote_id_attribute: str | None = None


class ServiceProvider(Record, frozen=True, kw_only=True):
    """Another cloud that believes this one's assertions. Clients take them there; nothing here speaks to it."""

    auth_url: str
    sp_url: str
    enabled: bool = False
    description: str | None = None
    relay_state_prefix: str = "ss:mem:"


class FederatedIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whom an identity provider knows, as seen by one of its protocols."""

    idp_id: str
    protocol_id: str
    unique_id: str


class FederatedUser(FederatedIdentity, frozen=True, kw_only=True):
    """Whom of an identity provider a user of ours stands for; maybe one of several."""

    user_id: str
