"""Trees of the policy language to closures.

What differs from oslo.policy, each time towards refusing: an attribute that is None never equals an interpolated value
(upstream compares the text "None" on both sides), and checks over HTTP do not exist, because a decision awaits nothing.
`target` is only ever read: nothing here can merge a request body into it.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

from pileus.core.policy_rules import Always, And, BadRule, Check, Node, Not, Or

#: (credentials, target) → whether it is allowed.
Rule = Callable[[Any, Mapping[str, Any]], bool]

_MISSING = object()
_KEY = re.compile(r"%\(([^)]*)\)s")
_ALIASES = {"tenant_id": "project_id", "tenant": "project_id", "user": "user_id"}
#: Paths into Keystone's token, as policy files of identity spell them.
_TOKEN_PATHS = {
    "token.user.id": "user_id",
    "token.user.domain.id": "user_domain_id",
    "token.project.id": "project_id",
    "token.project.domain.id": "project_domain_id",
    "token.domain.id": "domain_id",
}
_TRUE, _FALSE = frozenset({"1", "True", "true"}), frozenset({"0", "False", "false"})


class Compiler:
    """Turns trees into closures. `rule:` references are compiled in, so a decision never looks a name up."""

    def __init__(self, trees: Mapping[str, Node], implied_by: Mapping[str, frozenset[str]]):
        self.trees, self.implied_by = trees, implied_by
        self.done: dict[str, Rule] = {}
        self.same: dict[Node, Rule] = {}            # of whole rules: many say the same
        self.open: list[str] = []

    def named(self, name: str) -> Rule:
        """The closure of a named rule. Raises BadRule for an undefined name and for a cycle."""
        if name in self.done:
            return self.done[name]
        if name in self.open:
            raise BadRule("rules refer to each other in a circle: " + " → ".join([*self.open[self.open.index(name):], name]))
        if name not in self.trees:
            raise BadRule(f"rule {self.open[-1]!r} refers to {name!r}, which is not defined" if self.open
                          else f"rule {name!r} is not defined")
        tree = self.trees[name]
        if tree not in self.same:
            self.open.append(name)
            self.same[tree] = self.node(tree)
            self.open.pop()
        self.done[name] = self.same[tree]
        return self.done[name]

    def node(self, node: Node) -> Rule:
        match node:
            case Always(allowed=allowed):
                return lambda who, target: allowed
            case Check():
                return self.check(node)
            case Not(part=part):
                inner = self.node(part)
                return lambda who, target: not inner(who, target)
            case And(parts=parts):
                return _all([self.node(part) for part in parts])
            case Or(parts=parts):
                return _any(self.alternatives(parts))
        raise TypeError(node)

    def alternatives(self, parts: tuple[Node, ...]) -> list[Rule]:
        """The parts of an "or", with all its fixed roles joined to one set test, which is also put first: it is the cheapest."""
        fixed = [part for part in parts if isinstance(part, Check) and part.kind == "role" and "%" not in part.match]
        others = [self.node(part) for part in parts if part not in fixed]
        return [_has_role(frozenset().union(*(self.holders(part.match) for part in fixed))), *others] if fixed else others

    def check(self, check: Check) -> Rule:
        if check.kind == "rule":
            return self.named(check.match)
        try:
            return self.leaf(check.kind, check.match)
        except BadRule as error:
            raise BadRule(f"rule {self.open[-1]!r}: {error}") from error

    def leaf(self, kind: str, match: str) -> Rule:
        if kind == "role":
            return self.role(match)
        if kind == "field":
            return _field(match)
        if kind in ("http", "https"):
            raise BadRule(f"{kind}:{match}: rules that ask another server are not supported")
        wanted = _template(match)
        literal = _literal(kind)
        if literal is not _MISSING:
            said = str(literal)
            return lambda who, target: wanted(target) == said
        return _attribute(kind, match)

    def role(self, match: str) -> Rule:
        if "%" not in match:
            return _has_role(self.holders(match))
        wanted = _template(match)

        def role(who, target):
            name = wanted(target)
            return name is not None and not self.holders(name).isdisjoint(who.roles)
        return role

    def holders(self, role: str) -> frozenset[str]:
        """The roles that are this role or imply it."""
        role = role.lower()
        return self.implied_by.get(role) or frozenset({role})


def implied_by(implied_roles: Mapping[str, tuple[str, ...]]) -> dict[str, frozenset[str]]:
    """From "a role implies these" to "these roles imply it", followed to the end and each role included in its own set."""
    above: dict[str, set[str]] = {}
    for role in implied_roles:
        seen, todo = set(), [role]
        while todo:
            at = todo.pop().lower()
            if at not in seen:
                seen.add(at)
                above.setdefault(at, {at}).add(role.lower())
                todo.extend(implied_roles.get(at, ()))
    return {role: frozenset(roles) for role, roles in above.items()}


def _all(rules: list[Rule]) -> Rule:
    """Folded in pairs: two calls cost less than a generator per decision."""
    return functools.reduce(lambda first, second: lambda who, target: first(who, target) and second(who, target), rules)


def _any(rules: list[Rule]) -> Rule:
    return functools.reduce(lambda first, second: lambda who, target: first(who, target) or second(who, target), rules)


def _has_role(names: frozenset[str]) -> Rule:
    apart = names.isdisjoint
    return lambda who, target: not apart(who.roles)


def _literal(kind: str) -> Any:
    try:
        return ast.literal_eval(kind)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return _MISSING


def _template(match: str) -> Callable[[Mapping[str, Any]], str | None]:
    """A function from a target to the text of `match`; None when the target lacks a key that it names."""
    keys = _KEY.findall(match)
    rest = _KEY.split(match)[::2]
    if any("%" in text.replace("%%", "") for text in rest):
        raise BadRule(f"{match!r}: only %(key)s can be filled in")
    rest = [text.replace("%%", "%") for text in rest]
    if not keys:
        fixed = rest[0]
        return lambda target: fixed

    def fill(target):
        text = rest[0]
        for key, after in zip(keys, rest[1:], strict=True):
            value = _lookup(target, key)
            if value is _MISSING:
                return None
            text += f"{value}{after}"
        return text
    return fill


def _lookup(target: Mapping[str, Any], key: str) -> Any:
    """`target["a.b"]`, or else `target["a"]["b"]`."""
    value = target.get(key, _MISSING)
    if value is _MISSING and "." in key:
        value = target
        for step in key.split("."):
            value = _step(value, step)
    return value


def _step(value: Any, name: str) -> Any:
    return value.get(name, _MISSING) if isinstance(value, Mapping) else getattr(value, name, _MISSING)


def _attribute(kind: str, match: str) -> Rule:
    """An attribute of the caller, or a dotted path from one, against `match`. What the caller lacks never matches."""
    name, *path = _TOKEN_PATHS.get(kind, kind).split(".")
    name = _ALIASES.get(name, name)
    if not name.isidentifier() or name.startswith("_"):
        raise BadRule(f"{kind!r} names no attribute of the caller")
    keys = _KEY.fullmatch(match)
    if keys and not path:
        key = keys[1]

        def same(who, target):
            have = getattr(who, name, None)
            if have is None:
                return False
            want = target.get(key)
            if have.__class__ is str and want.__class__ is str:      # nearly always: two ids
                return have == want
            want = _lookup(target, key)
            return want is not _MISSING and want is not None and _equals(have, str(want))
        return same
    wanted, fixed = _template(match), "%" not in match

    def inside(who, target):
        want = wanted(target)
        return want is not None and _found(getattr(who, name, _MISSING), path, want, fixed)
    return inside


def _found(have: Any, path: list[str], want: str, none_counts: bool) -> bool:
    """Whether `want` is at the end of the path; a list on the way matches when any of its items does."""
    if isinstance(have, list | tuple | set | frozenset):
        return any(_found(item, path, want, none_counts) for item in have)
    if have is _MISSING or (have is None and not (none_counts and not path)):
        return False
    return _found(_step(have, path[0]), path[1:], want, none_counts) if path else _equals(have, want)


def _equals(have: Any, want: str) -> bool:
    """Text against text, and `is_admin:1` as well as `is_admin:True` for a truth value."""
    if have.__class__ is bool:
        return want in (_TRUE if have else _FALSE)
    return str(have) == want


def _field(match: str) -> Rule:
    """Neutron's `field:networks:shared=True`: a field of the target by its value."""
    field, equals, value = match.partition(":")[2].partition("=")
    if not (field and equals):
        raise BadRule(f"field:{match}: expected field:resources:name=value")
    if value.startswith("~"):
        try:
            pattern = re.compile(value[1:])
        except re.error as error:
            raise BadRule(f"field:{match}: {error}") from error
        return lambda who, target: target.get(field) is not None and bool(pattern.match(str(target[field])))
    return lambda who, target: target.get(field) is not None and _equals(target[field], value)
