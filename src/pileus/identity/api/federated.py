"""The attribute `federated` of users: whom of which identity providers they are."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from pileus.core.http import Request
from pileus.identity.api.bodies import Name
from pileus.identity.federation.model import FederatedIdentity
from pileus.identity.model import User


class ProtocolBody(msgspec.Struct):
    protocol_id: str
    unique_id: Name


class FederatedBody(msgspec.Struct):
    idp_id: str
    protocols: Annotated[list[ProtocolBody], Meta(min_length=1)]


def identities(given: list[FederatedBody] | Any) -> list[FederatedIdentity]:
    """What a body asks for; what is not given, or empty, asks for nothing."""
    return [
        FederatedIdentity(idp_id=idp.idp_id, protocol_id=p.protocol_id, unique_id=p.unique_id)
        for idp in given or ()
        for p in idp.protocols
    ]


async def check_reach(req: Request, wanted: list[FederatedIdentity], domain_id: str) -> None:
    """Raise PolicyForbids unless who manages the domain may say this: its own providers' people, or all of them for administrators.

    Somebody who logs in brings groups and roles along: whoever could claim them for a user of theirs would have these.
    """
    for id in sorted({who.idp_id for who in wanted}):
        idp = await req.services.identity.federation.idps.find(id)
        if idp is not None and idp.domain_id != domain_id:
            req.enforce("identity:update_identity_provider", {})


async def with_federated(req: Request, user: User, shown: dict[str, Any]) -> dict[str, Any]:
    """The view of one user, completed. Users of no identity provider have no such attribute."""
    found = await req.services.identity.users.federated(user.id)
    by_idp: dict[str, list[dict[str, str]]] = {}
    for f in found:
        by_idp.setdefault(f.idp_id, []).append({"protocol_id": f.protocol_id, "unique_id": f.unique_id})
    return shown | {"federated": [{"idp_id": id, "protocols": protocols} for id, protocols in by_idp.items()]} if found else shown
