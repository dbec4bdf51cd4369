"""`pileus policy check`: why somebody may or may not do something, by the rules this cloud runs with. No cloud need run."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from typing import Annotated, Any

from cyclopts import Parameter

from pileus.cli.options import STATE, State, configuration

#: What the made-up caller is called; a target with the same ids is the caller's own.
USER, PROJECT, DOMAIN = "the-user", "the-project", "the-domain"
_KEY = re.compile(r"%\(([^)]*)\)s")


class BadCaller(ValueError):
    """The caller is not described as ROLES@SCOPE."""


def check(
    rule: str,
    /,
    *,
    as_: Annotated[str, Parameter(name="--as")],
    target: Annotated[list[str], Parameter(negative=())] = [],  # noqa: B006  cyclopts reads the default, nobody writes it
    state: State = STATE,
) -> int:
    """Explain a decision; the exit status is 0 when it is allowed, 1 when it is denied.

    Parameters
    ----------
    rule
        The rule, such as identity:list_users or os_compute_api:servers:create.
    as_
        ROLES@SCOPE: roles with commas between, and system, domain or project; the scope's id may follow behind a colon.
        For example reader@system, manager@domain:default, member,service@project.
    target
        KEY=VALUE of what it is done to, such as target.user.domain_id=default. "the-user", "the-project" and "the-domain"
        are the caller's own.
    """
    from pileus.cloud import POLICY
    from pileus.core.policy import BadRule, Policy, load_all_overrides

    config = configuration(state).api
    try:
        who = caller(as_)
        overrides, _ = load_all_overrides(config.policy_file, config.policy_folder, POLICY)
        policy = Policy(POLICY, overrides)
    except (BadCaller, BadRule) as problem:
        print(f"error: {problem}")
        return 2
    if rule not in policy:
        print(f"error: no rule is named {rule}")
        return 2
    given = dict(pair.partition("=")[::2] for pair in target)
    explained = policy.explain(rule, who, given)
    print(f"{'allowed' if explained.allowed else 'denied'}{' (by an override)' if rule in overrides else ''}")
    print(explained)
    missing = sorted({key for line in explained.lines() for key in _KEY.findall(line)} - given.keys())
    if missing:
        print("not given, so never equal to anything: " + ", ".join(missing))
    return 0 if explained.allowed else 1


def caller(text: str) -> Any:
    """The caller that ROLES@SCOPE describes. Raises BadCaller."""
    from pileus.core.context import Context

    roles, at, scope = text.partition("@")
    kind, _, id = scope.partition(":")
    if not at or kind not in ("system", "domain", "project") or not roles:
        raise BadCaller(f"{text!r} is not of the form ROLES@SCOPE, such as reader@system or member@project:ID")
    return Context(
        user_id=USER,
        user_domain_id=DOMAIN,
        roles=frozenset(role.strip().lower() for role in roles.split(",")),
        system_scope="all" if kind == "system" else None,
        domain_id=(id or DOMAIN) if kind == "domain" else None,
        project_id=(id or PROJECT) if kind == "project" else None,
        project_domain_id=DOMAIN if kind == "project" else None,
    )
