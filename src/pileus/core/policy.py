"""Who may do what: named rules as data, compiled once, with an operator's `policy.yaml` on top.

Every service has a literal table of `Default`s; `Policy` compiles them together with `COMMON` and the overrides, and from
then on `enforce` is a dictionary look-up and a closure: 0.3 µs for "reader of the project, or admin", 1.1 µs for a rule
with two ids of the target. `policy_rules` is the language itself, `policy_compile` makes the closures.

What must stay true: an unknown rule denies; a rule set that cannot be compiled stops the process from starting; the target
is built by the service from what it stores and never contains anything of a request body (CVE-2026-42999); a decision
awaits nothing and changes nothing.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import msgspec

from pileus.core.errors import PolicyForbids
from pileus.core.policy_compile import Compiler, Rule, implied_by
from pileus.core.policy_rules import And, BadRule, Check, Node, Not, Or, parse, references

__all__ = ["COMMON", "IMPLIED_ROLES", "BadRule", "Default", "Explained", "Policy", "Rule", "load_all_overrides", "load_overrides"]


class Default(msgspec.Struct, frozen=True):
    """A rule as the service ships it. `scopes` are the kinds of token it takes (system, domain, project); None: any."""

    rule: str
    scopes: tuple[str, ...] | None = None
    description: str = ""


class Explained(msgspec.Struct, frozen=True):
    """One check of a decision, with what it came to and the checks it is made of."""

    check: str
    allowed: bool
    parts: tuple[Explained, ...] = ()

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self, indent: str = ""):
        yield f"{indent}{'yes' if self.allowed else 'no '} {self.check}"
        for part in self.parts:
            yield from part.lines(indent + "  ")


#: The default roles: who has one has those it implies. Identity expands them in tokens as well; doing it twice changes nothing.
IMPLIED_ROLES = {"admin": ("manager",), "manager": ("member",), "member": ("reader",)}

#: Rules every service may refer to, under the names that operators' policy files use.
COMMON = {
    "admin_required": Default("role:admin or is_admin:1"),
    "context_is_admin": Default("rule:admin_required"),
    "admin_api": Default("rule:admin_required"),
    "owner": Default("project_id:%(project_id)s"),
    "admin_or_owner": Default("rule:admin_required or rule:owner"),
    "service_api": Default("role:service"),
    "service_role": Default("role:service"),
    "service_or_admin": Default("rule:service_role or rule:admin_required"),
    "project_manager_api": Default("role:manager and project_id:%(project_id)s"),
    "project_member_api": Default("role:member and project_id:%(project_id)s"),
    "project_reader_api": Default("role:reader and project_id:%(project_id)s"),
    "project_manager_or_admin": Default("rule:project_manager_api or rule:admin_required"),
    "project_member_or_admin": Default("rule:project_member_api or rule:admin_required"),
    "project_reader_or_admin": Default("rule:project_reader_api or rule:admin_required"),
    "system_admin": Default("role:admin and system_scope:all"),
    "system_reader": Default("role:reader and system_scope:all"),
    "domain_admin": Default("role:admin and domain_id:%(domain_id)s"),
    "domain_manager": Default("role:manager and domain_id:%(domain_id)s"),
    "domain_reader": Default("role:reader and domain_id:%(domain_id)s"),
}

_NO_TARGET: Mapping[str, Any] = {}


class Policy:
    """A compiled set of rules. Immutable: a changed policy.yaml makes a new one. Raises BadRule for what cannot be compiled."""

    def __init__(self, defaults: Mapping[str, Default], overrides: Mapping[str, str | list] | None = None,
                 implied_roles: Mapping[str, tuple[str, ...]] = IMPLIED_ROLES):
        self.defaults = {**COMMON, **defaults}
        texts = {**{name: default.rule for name, default in self.defaults.items()}, **(overrides or {})}
        self._trees = {name: _parse_named(name, text) for name, text in texts.items()}
        self._compiler = Compiler(self._trees, implied_by(implied_roles))
        self._rules = {name: self._compiler.named(name) for name in self._trees}
        self._scopes = {name: frozenset(default.scopes) for name, default in self.defaults.items() if default.scopes is not None}
        self._scoped_rules = {name: (rule, self._scopes.get(name)) for name, rule in self._rules.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._rules

    def check(self, name: str, who: Any, target: Mapping[str, Any] | None = None) -> bool:
        """Whether `who` may do this to `target`. An unknown rule and a token of the wrong scope deny."""
        rule, scopes = self._scoped_rules.get(name, _UNKNOWN)
        if scopes is not None and scope_of(who) not in scopes:
            return False
        return rule(who, _NO_TARGET if target is None else target)

    def enforce(self, name: str, who: Any, target: Mapping[str, Any] | None = None) -> None:
        """Raise PolicyForbids unless `check` says yes."""
        if not self.check(name, who, target):
            raise PolicyForbids(rule=name)

    def explain(self, name: str, who: Any, target: Mapping[str, Any] | None = None) -> Explained:
        """The decision of `check` as a tree, every branch evaluated, for an operator who asks why."""
        if name not in self._trees:
            return Explained(f"{name}: no such rule", False)
        scopes = self._scopes.get(name)
        rule = self._explain(self._trees[name], who, _NO_TARGET if target is None else target)
        if scopes is None:
            return Explained(name, rule.allowed, (rule,))
        scope = scope_of(who)
        scoped = Explained(f"scope {scope} is one of {', '.join(sorted(scopes))}", scope in scopes)
        return Explained(name, scoped.allowed and rule.allowed, (scoped, rule))

    def _explain(self, node: Node, who: Any, target: Mapping[str, Any]) -> Explained:
        parts: tuple[Node, ...] = ()
        match node:
            case Check(kind="rule", match=name):
                parts = (self._trees[name],)
            case Not(part=part):
                parts = (part,)
            case And(parts=found) | Or(parts=found):
                parts = found
        allowed = bool(self._compiler.node(node)(who, target))
        return Explained(str(node), allowed, tuple(self._explain(part, who, target) for part in parts))


def scope_of(who: Any) -> str:
    """The kind of token: system, domain or project. An unscoped token counts as project, as upstream has it: such a rule
    still compares project ids, and a missing one never matches."""
    if who.system_scope:
        return "system"
    return "domain" if who.domain_id else "project"


def load_overrides(path: str | Path, known: Collection[str] = ()) -> tuple[dict[str, str | list], tuple[str, ...]]:
    """The rules of an operator's policy.yaml, and those names among them that nothing knows or refers to (worth a warning).

    Raises BadRule when the file is not a mapping of names to rules.
    """
    import yaml  # only operators with a policy file pay for it

    try:
        found = yaml.safe_load(Path(path).read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadRule(f"{path}: {error}") from error
    found = {} if found is None else found
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise BadRule(f"{path}: expected a mapping of rule names to rules")
    used: set[str] = set()
    for name, text in found.items():
        used |= references(_parse_named(name, text))
    return found, tuple(name for name in found if name not in known and name not in COMMON and name not in used)


def load_all_overrides(
    file: str, folder: str = "", known: Collection[str] = ()
) -> tuple[dict[str, str | list], tuple[str, ...]]:
    """As `load_overrides`, of a file and then of every .yaml, .yml and .json file of a folder in the order of their names:
    the last one that names a rule wins. Either may be empty for none. Raises BadRule, also when the folder is not there.
    """
    paths = [Path(file)] if file else []
    if folder:
        if not Path(folder).is_dir():
            raise BadRule(f"{folder}: no such folder")
        paths += sorted(p for p in Path(folder).iterdir() if p.suffix in (".yaml", ".yml", ".json") and not p.name.startswith("."))
    rules: dict[str, str | list] = {}
    for path in paths:
        rules |= load_overrides(path)[0]
    used = set().union(*(references(_parse_named(name, text)) for name, text in rules.items()))
    return rules, tuple(name for name in rules if name not in known and name not in COMMON and name not in used)


def _parse_named(name: str, text: Any) -> Node:
    try:
        return parse(text)
    except BadRule as error:
        raise BadRule(f"rule {name!r}: {error}") from error


def _deny(who: Any, target: Mapping[str, Any]) -> bool:
    return False


_UNKNOWN: tuple[Rule, frozenset[str] | None] = (_deny, None)
