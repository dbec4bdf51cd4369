"""What is void: all tokens of a user at once, the list of what was revoked, and what went with tokens of former kinds (PKI)."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.errors import Gone
from pileus.core.http import Request, Route
from pileus.identity.api import targets
from pileus.identity.api.moments import moment
from pileus.identity.api.views import listing
from pileus.identity.model import Revocation
from pileus.identity.service.tokens import stamp

#: What a key names, as Keystone's events call it.
_SHOWN = {
    "user": "user_id",
    "project": "project_id",
    "domain": "domain_id",
    "audit": "audit_chain_id",
    "token": "audit_id",
    "credential": "credential_id",
}


async def revoke_tokens(req: Request, user_id: str) -> None:
    """All there are: the remedy for who cannot change their password, because it is kept elsewhere."""
    await req.services.identity.users.revoke_tokens(user_id)


async def list_events(req: Request) -> dict[str, Any]:
    """What was revoked, since a moment, as far as tokens could still be concerned."""
    since = moment(req.query.get("since"), "since")
    return listing(req, "events", [_show(r) for r in await req.services.identity.core.store.revocations.since(since)])


async def gone(req: Request) -> None:
    raise Gone("This API is no longer available due to the removal of support for PKI tokens.")


def _show(r: Revocation) -> dict[str, Any]:
    kind, _, id = r.key.partition(":")
    return {_SHOWN[kind]: id, "issued_before": stamp(r.revoked_at), "revoked_at": stamp(r.revoked_at)}


ROUTES = [
    Route("DELETE", "/v3/users/{user_id}/tokens", revoke_tokens, policy="identity:revoke_tokens_for_user", target=targets.owner, ok=204),
    Route("GET", "/v3/OS-REVOKE/events", list_events, policy="identity:list_revoke_events"),
    *(
        Route("GET", path, gone)
        for path in ("/v3/OS-SIMPLE-CERT/ca", "/v3/OS-SIMPLE-CERT/certificates", "/v3/auth/tokens/OS-PKI/revoked")
    ),
]
