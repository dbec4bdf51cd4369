"""Microversions of server groups."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.compute.api.changes.hosts import each
from pileus.core.errors import Invalid
from pileus.core.http import Change

CREATE = frozenset({"os_compute_api:os-server-groups:create"})
VIEWS = CREATE | {"os_compute_api:os-server-groups:index", "os_compute_api:os-server-groups:show"}
HARD = ("affinity", "anti-affinity")


def _asked(body: Any) -> dict[str, Any]:
    group = body.get("server_group") if isinstance(body, dict) else None
    return group if isinstance(group, dict) else {}


def _hard_only(body: Any, req: Any) -> Any:
    policies = _asked(body).get("policies")
    if isinstance(policies, list) and any(policy not in HARD for policy in policies):
        raise Invalid(f"Invalid input for field/attribute policies. Value: {policies}. It must be one of {', '.join(HARD)}")
    return body


def _policies_to_policy(body: Any, req: Any) -> Any:
    group = _asked(body)
    if "policies" in group:
        policies = group.pop("policies")
        if not isinstance(policies, list) or len(policies) != 1:
            raise Invalid(f"Invalid input for field/attribute policies. Value: {policies}. It must be a list of exactly one policy")
        group["policy"] = policies[0]
    return body


def _policy_to_policies(group: dict[str, Any]) -> None:
    group["policies"], group["metadata"] = [group.pop("policy")], {}
    del group["rules"]


def _anonymous(group: dict[str, Any]) -> None:
    del group["project_id"], group["user_id"]


CHANGES = [
    Change(version=(2, 13), title="server groups tell whose they are", on=VIEWS, response=each("server_group", _anonymous)),
    Change(version=(2, 15), title="soft policies", on=CREATE, request=_hard_only),
    Change(
        version=(2, 64),
        title="one policy, with rules",
        on=VIEWS,
        request=_policies_to_policy,
        response=each("server_group", _policy_to_policies),
    ),
]
