"""What trusts and application credentials have in common: they hand on roles, and only such as the giver has."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.context import Context
from pileus.identity.errors import Refused, RoleNotFound
from pileus.identity.model import Role


def pick(held: list[Role], id: str | None, name: str | None) -> Role:
    """The role that is meant, by id or by name, among those that are held. Raises RoleNotFound."""
    for role in held:
        if role.id == id if id is not None else role.name == name:
            return role
    raise RoleNotFound(id=id or name)


def in_person(who: Context, what: str) -> None:
    """Raise Refused for a token by which one acts for somebody, or as a program that may not hand on what it has."""
    if who.trust_id is not None:
        raise Refused(why=f"A token of a trust cannot {what}.")
    if who.by_keys:
        raise Refused(why=f"A token got by signing keys cannot {what}.")
    if who.app_cred_id is not None and not who.unrestricted:
        raise Refused(why=f"A token of a restricted application credential cannot {what}.")


def no_program(who: Context, what: str) -> None:
    """Raise Refused for what not even an unrestricted application credential may do: it would get more than it was given."""
    if who.app_cred_id is not None:
        raise Refused(why=f"A token of an application credential cannot {what}.")
