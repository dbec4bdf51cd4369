"""Policy files for endpoints, below OS-ENDPOINT-POLICY."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.http import Request, Route
from pileus.identity.api.catalog import show_endpoint
from pileus.identity.api.policies import show_policy
from pileus.identity.api.views import listing
from pileus.identity.model import PolicyAssociation


async def put_association(req: Request, **place: str) -> None:
    await req.services.identity.endpoint_policies.put(PolicyAssociation(**place))


async def check_association(req: Request, **place: str) -> None:
    await req.services.identity.endpoint_policies.check(PolicyAssociation(**place))


async def delete_association(req: Request, **place: str) -> None:
    await req.services.identity.endpoint_policies.delete(PolicyAssociation(**place))


async def list_policy_endpoints(req: Request, policy_id: str) -> dict[str, Any]:
    found = await req.services.identity.endpoint_policies.endpoints_of(policy_id)
    return listing(req, "endpoints", [show_endpoint(req, e) for e in found])


async def get_endpoint_policy(req: Request, endpoint_id: str) -> dict[str, Any]:
    return {"policy": show_policy(req, await req.services.identity.endpoint_policies.of_endpoint(endpoint_id))}


_ROOT = "/v3/policies/{policy_id}/OS-ENDPOINT-POLICY"
_PLACES = {
    "endpoint": "/endpoints/{endpoint_id}",
    "service": "/services/{service_id}",
    "region_and_service": "/services/{service_id}/regions/{region_id}",
}
_VERBS = (("PUT", "create", put_association), ("GET", "check", check_association), ("DELETE", "delete", delete_association))
ROUTES = [
    *(
        Route(method, _ROOT + path, handler, policy=f"identity:{verb}_policy_association_for_{place}", ok=204)
        for place, path in _PLACES.items()
        for method, verb, handler in _VERBS
    ),
    Route("GET", _ROOT + "/endpoints", list_policy_endpoints, policy="identity:list_endpoints_for_policy"),
    Route("GET", "/v3/endpoints/{endpoint_id}/OS-ENDPOINT-POLICY/policy", get_endpoint_policy, policy="identity:get_policy_for_endpoint"),
]
