"""Audit events as CADF (DMTF DSP0262) has them, in the envelope and under the names of Keystone's notifications.

Pure. Nothing that proves who somebody is may ever come in here.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

EVENT = "http://schemas.dmtf.org/cloud/audit/1.0/event"
USER = "service/security/account/user"
UNKNOWN = "unknown"
AUTHENTICATE = "authenticate"
#: Kinds of resources and what CADF calls them. Those that it does not know are told of as well.
KINDS = {
    "group": "data/security/group",
    "project": "data/security/project",
    "role": "data/security/role",
    "user": "data/security/account/user",
    "domain": "data/security/domain",
    "region": "data/security/region",
    "endpoint": "data/security/endpoint",
    "service": "data/security/service",
    "policy": "data/security/policy",
    "OS-TRUST:trust": "data/security/trust",
    "OS-OAUTH1:consumer": "data/security/account",
    "OS-OAUTH1:access_token": "data/security/credential",
    "application_credential": "data/security/credential",
    "credential": "data/security/credential",
    "role_assignment": USER,
    **dict.fromkeys(("limit", "registered_limit", "identity_provider", "mapping", "protocol", "service_provider"), UNKNOWN),
}
#: Verbs of policy rules and of events.
VERBS = {"create": "created", "update": "updated", "delete": "deleted"}
#: What rules call otherwise than events do.
_RULES = {
    "create_domain_role": ("created", "role"),
    "create_trust": ("created", "OS-TRUST:trust"),
    "delete_trust": ("deleted", "OS-TRUST:trust"),
    "create_consumer": ("created", "OS-OAUTH1:consumer"),
    "update_consumer": ("updated", "OS-OAUTH1:consumer"),
    "delete_consumer": ("deleted", "OS-OAUTH1:consumer"),
    "delete_access_token": ("deleted", "OS-OAUTH1:access_token"),
    "create_limits": ("created", "limit"),
    "create_registered_limits": ("created", "registered_limit"),
    "create_project_tag": ("updated", "project"),
    "update_project_tags": ("updated", "project"),
    "delete_project_tag": ("updated", "project"),
    "delete_project_tags": ("updated", "project"),
    "add_user_to_group": ("updated", "group"),
    "remove_user_from_group": ("updated", "group"),
    "ec2_create_credential": ("created", "credential"),
    "ec2_delete_credential": ("deleted", "credential"),
    "create_implied_role": ("updated", "role"),
    "delete_implied_role": ("updated", "role"),
    **{
        f"{verb}_{kind}": (event, "role_assignment")
        for verb, event in (("create", "created"), ("revoke", "deleted"))
        for kind in ("grant", "system_grant_for_user", "system_grant_for_group")
    },
}


class Initiator(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who did it, and from where, as far as it is known."""

    id: str | None
    host: dict[str, str | None]
    typeURI: str | None = None
    request_id: str | None = None
    user_id: str | None = None
    project_id: str | None = None
    domain_id: str | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """`verb` and `kind` of what was done, to the resource with this `id`; `more`: what else the payload says."""

    verb: str
    kind: str = ""
    id: str | None = None
    outcome: str = "success"
    more: dict[str, Any] = {}

    @property
    def name(self) -> str:
        return f"identity.{self.kind}.{self.verb}" if self.kind else f"identity.{self.verb}"

    @property
    def choices(self) -> tuple[str, str]:
        """What one may opt out of to hear no more of such."""
        return self.name, f"{self.name}.{self.outcome}"


def of_rule(rule: str) -> tuple[str, str] | None:
    """(verb, kind) of what a policy rule allows to be changed; None for what is not told of."""
    name = rule.removeprefix("identity:")
    if name in _RULES:
        return _RULES[name]
    verb, _, kind = name.partition("_")
    return (VERBS[verb], kind) if verb in VERBS and kind in KINDS else None


def notification(event: Event, by: Initiator, *, ids: tuple[str, str], at: str) -> dict[str, Any]:
    """`ids`: of the message and of the event."""
    payload = {
        "typeURI": EVENT,
        "id": ids[1],
        "eventType": "activity",
        "eventTime": at,
        "action": f"{event.verb}.{event.kind}" if event.kind else event.verb,
        "outcome": event.outcome,
        "observer": {"typeURI": "service/security", "id": "pileus"},
        "initiator": msgspec.to_builtins(by) | {"typeURI": USER},
        "target": {"typeURI": KINDS.get(event.kind, USER), "id": event.id},
    }
    if event.kind:
        payload["resource_info"] = event.id
    return {
        "message_id": ids[0],
        "publisher_id": "identity.pileus",
        "event_type": event.name,
        "priority": "INFO",
        "timestamp": at,
        "payload": payload | event.more,
    }
