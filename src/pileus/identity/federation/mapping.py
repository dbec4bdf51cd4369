"""Mappings: rules that turn what an identity provider says of somebody into a user, groups and projects here. Pure.

A rule applies when each of its remote requirements is met. Those without a condition, and those with a white- or blacklist,
give their values to `{0}`, `{1}`, … of its local part, in their order. What all applying rules say is put together; the
first user counts. Placeholders are replaced and nothing else is evaluated: what somebody else says is never code.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

#: What is said of somebody: attribute → values.
Assertion = Mapping[str, list[str]]

Version = Literal["1.0", "2.0", "3.0"]
#: Longer values are not looked at with regular expressions.
LONGEST_MATCHED = 1024
_PLACEHOLDER = re.compile(r"\{(\d+)\}")


class MappingInvalid(ValueError):
    """The rules are none."""


class NotMapped(ValueError):
    """No rule says who this is."""


class Remote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    type: str
    any_one_of: list[str] | UnsetType = UNSET
    not_any_of: list[str] | UnsetType = UNSET
    whitelist: list[str] | UnsetType = UNSET
    blacklist: list[str] | UnsetType = UNSET
    regex: bool = False


class Domain(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    id: str | None = None
    name: str | None = None


class Name(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str


class LocalUser(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str | None = None
    name: str | None = None
    email: str | None = None
    domain: Domain | None = None
    type: Literal["ephemeral", "local"] = "ephemeral"


class LocalGroup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str | None = None
    name: str | None = None
    domain: Domain | None = None


class LocalProject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    roles: list[Name]
    domain: Domain | None = None


class _Local(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    user: LocalUser | None = None
    group: LocalGroup | None = None
    domain: Domain | None = None
    projects: list[LocalProject] = []
    projects_json: str | None = None


class Local(_Local, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A local part as it is written."""

    groups: str | None = None
    group_ids: str | None = None


class Filled(_Local, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A local part with its values in place: what was one text may have become several."""

    groups: list[str] = []
    group_ids: list[str] = []


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    local: list[Local]
    remote: Annotated[list[Remote], Meta(min_length=1)]


class Mapped(msgspec.Struct, frozen=True, kw_only=True):
    """Who somebody is here. `synced`: they lose the roles on projects that are not named any more."""

    user: LocalUser
    group_ids: tuple[str, ...] = ()
    groups: tuple[LocalGroup, ...] = ()
    projects: tuple[LocalProject, ...] = ()
    synced: bool = False


def check(rules: Any, version: str) -> None:
    """Raise MappingInvalid for what are no rules of this version of the schema."""
    if version not in ("1.0", "2.0", "3.0"):
        raise MappingInvalid(f"Unsupported schema version {version}.")
    try:
        parsed = msgspec.convert(rules, Annotated[list[Rule], Meta(min_length=1)])
    except msgspec.ValidationError as problem:
        raise MappingInvalid(f"Invalid mapping rules: {problem}") from problem
    for rule in parsed:
        for remote in rule.remote:
            _check_remote(remote)
        for local in rule.local:
            _check_local(local, version)


def apply(rules: list[dict[str, Any]], version: str, assertion: Assertion) -> Mapped:
    """Raises NotMapped, also for a rule that refers to a value it does not have."""
    found: list[Filled] = []
    for raw in rules:
        values = _met(msgspec.convert(raw["remote"], list[Remote]), assertion)
        if values is not None:
            filled = [
                {k: _several(v, values) if k in ("groups", "group_ids") else _filled(v, values) for k, v in local.items()}
                for local in raw["local"]
            ]
            try:
                found += msgspec.convert(filled, list[Filled])
            except msgspec.ValidationError as problem:
                raise NotMapped(f"The mapping makes what is no user: {problem}") from problem
    if not found:
        raise NotMapped("Could not map any federated user properties to identity values.")
    user = next((local.user for local in found if local.user is not None), LocalUser())
    root = next((local.domain for local in found if local.domain is not None), None) if version != "1.0" else None
    if user.domain is None and root is not None:
        user = msgspec.structs.replace(user, domain=root)
    return Mapped(
        user=user,
        group_ids=tuple(dict.fromkeys(id for local in found for id in _group_ids(local))),
        groups=tuple(dict.fromkeys(group for local in found for group in _groups(local))),
        projects=tuple(_placed(project, root) for local in found for project in _projects(local)),
        synced=version == "3.0",
    )


# ---- requirements ----------------------------------------------------------------------------------------------------
def _met(remotes: list[Remote], assertion: Assertion) -> list[list[str]] | None:
    """The values for placeholders, or None when a requirement is not met."""
    values = []
    for remote in remotes:
        said = assertion.get(remote.type)
        if not said:
            return None
        if remote.any_one_of is not UNSET:
            if not _matching(remote.any_one_of, said, remote.regex):
                return None
        elif remote.not_any_of is not UNSET:
            if _matching(remote.not_any_of, said, remote.regex):
                return None
        elif remote.blacklist is not UNSET:
            refused = _matching(remote.blacklist, said, remote.regex)
            values.append([v for v in said if v not in refused])
        elif remote.whitelist is not UNSET:
            values.append(_matching(remote.whitelist, said, remote.regex))
        else:
            values.append(list(said))
    return values


def _matching(wanted: list[str], said: list[str], regex: bool) -> list[str]:
    if not regex:
        return [v for v in said if v in wanted]
    return [v for v in said if len(v) <= LONGEST_MATCHED and any(re.search(pattern, v) for pattern in wanted)]


# ---- the local part --------------------------------------------------------------------------------------------------
def _filled(value: Any, values: list[list[str]]) -> Any:
    """A local part with its placeholders replaced."""
    if isinstance(value, dict):
        return {k: _filled(v, values) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(v, values) for v in value]
    if not isinstance(value, str):
        return value

    def one(found: re.Match) -> str:
        at = int(found[1])
        if at >= len(values):
            raise NotMapped(f"The local part refers to {found[0]}, which no remote requirement gives.")
        if len(values[at]) != 1:
            raise NotMapped(f"{found[0]} has {len(values[at])} values where there must be one.")
        return values[at][0]

    return _PLACEHOLDER.sub(one, value)


def _several(text: str, values: list[list[str]]) -> list[str]:
    """The groups a text names: all values of a placeholder that stands alone, a list written out in the mapping, or one.

    A value is never taken for a list, however it looks: it may come from someone whom a blacklist is to keep out.
    """
    alone = _PLACEHOLDER.fullmatch(text)
    if alone and int(alone[1]) < len(values):
        return values[int(alone[1])]
    if text.startswith("[") and not _PLACEHOLDER.search(text):
        try:
            return [str(item) for item in ast.literal_eval(text)]
        except (ValueError, SyntaxError):
            return [text]
    return [_filled(text, values)]


def _group_ids(local: Filled) -> list[str]:
    own = [local.group.id] if local.group is not None and local.group.id is not None else []
    return own + local.group_ids


def _groups(local: Filled) -> list[LocalGroup]:
    """Groups by name. Each name needs a domain."""
    own = [local.group] if local.group is not None and local.group.id is None else []
    if not local.groups:
        return own
    if local.domain is None:
        raise NotMapped("Both groups and domain must be given.")
    return own + [LocalGroup(name=name, domain=local.domain) for name in local.groups]


def _projects(local: Filled) -> list[LocalProject]:
    if not local.projects_json:
        return local.projects
    try:
        return local.projects + msgspec.json.decode(local.projects_json, type=list[LocalProject])
    except (msgspec.DecodeError, UnicodeError) as problem:
        raise NotMapped(f"projects_json is no list of projects: {problem}") from problem


def _placed(project: LocalProject, root: Domain | None) -> LocalProject:
    return project if project.domain is not None or root is None else msgspec.structs.replace(project, domain=root)


# ---- validity --------------------------------------------------------------------------------------------------------
def _check_remote(remote: Remote) -> None:
    conditions = [c for c in (remote.any_one_of, remote.not_any_of, remote.whitelist, remote.blacklist) if c is not UNSET]
    if len(conditions) > 1:
        raise MappingInvalid(f"The requirement of {remote.type} has more than one condition.")
    if remote.regex:
        if not conditions:
            raise MappingInvalid(f"The requirement of {remote.type} has no condition that regex could be for.")
        for pattern in conditions[0]:
            try:
                re.compile(pattern)
            except re.error as problem:
                raise MappingInvalid(f"{pattern!r} is no regular expression: {problem}") from problem


def _check_local(local: Local, version: str) -> None:
    if local.group is not None:
        by_id, by_name = local.group.id is not None, local.group.name is not None and local.group.domain is not None
        if by_id == by_name or (by_id and (local.group.name is not None or local.group.domain is not None)):
            raise MappingInvalid("A group is given by its id, or by its name and domain.")
    if version == "1.0" and any(p.domain is not None for p in local.projects):
        raise MappingInvalid("The domain of a project needs schema version 2.0.")
    if version != "3.0" and local.projects_json is not None:
        raise MappingInvalid("projects_json needs schema version 3.0.")
