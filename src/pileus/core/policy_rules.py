"""The oslo.policy rule language: text to a tree.

    "role:admin or (role:member and project_id:%(project_id)s)"

`not` binds tighter than `and`, `and` tighter than `or`. The older form, a list of lists, is an "or" of "and"s. A check is
`kind:match`; `match` may take values from the target with `%(key)s`.

What differs from oslo.policy: text that cannot be parsed is an error at start and not a silent "deny".
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from functools import lru_cache

import msgspec


class BadRule(ValueError):
    """A policy that cannot be compiled: found when the process starts, never when a request is served."""


class Check(msgspec.Struct, frozen=True):
    """`kind:match`."""

    kind: str
    match: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.match}"


class Always(msgspec.Struct, frozen=True):
    """`@` (or an empty rule) and `!`."""

    allowed: bool

    def __str__(self) -> str:
        return "@" if self.allowed else "!"


class Not(msgspec.Struct, frozen=True):
    part: Node

    def __str__(self) -> str:
        return f"not {_inside(self.part)}"


class And(msgspec.Struct, frozen=True):
    parts: tuple[Node, ...]

    def __str__(self) -> str:
        return " and ".join(map(_inside, self.parts))


class Or(msgspec.Struct, frozen=True):
    parts: tuple[Node, ...]

    def __str__(self) -> str:
        return " or ".join(map(_inside, self.parts))


Node = Check | Always | Not | And | Or

_DEEPEST = 60


def parse(rule: str | list | tuple) -> Node:
    """The tree of a rule in either form. Raises BadRule."""
    if isinstance(rule, str):
        return _parse_text(rule)
    if isinstance(rule, list | tuple):
        return _parse_list(rule)
    raise BadRule(f"a rule is text or a list, not {type(rule).__name__}")


@lru_cache(maxsize=1024)
def _parse_text(rule: str) -> Node:
    """Services say the same of many things: six rules of seven were met before."""
    return _Parser(rule).whole()


def references(node: Node) -> set[str]:
    """The names of the rules that this tree refers to."""
    match node:
        case Check(kind="rule", match=name):
            return {name}
        case Not(part=part):
            return references(part)
        case And(parts=parts) | Or(parts=parts):
            return set().union(*map(references, parts))
    return set()


class _Parser:
    """Recursive descent over the words of one rule."""

    def __init__(self, text: str):
        self.text, self.at, self.depth = text, 0, 0
        self.words = list(_words(text))

    def whole(self) -> Node:
        if not self.words:
            return Always(True)
        node = self.either()
        if self.at < len(self.words):
            raise self.wrong(f"{self.words[self.at]!r} is not expected")
        return node

    def either(self) -> Node:
        parts = [self.both()]
        while self.takes("or"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def both(self) -> Node:
        parts = [self.one()]
        while self.takes("and"):
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def one(self) -> Node:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.wrong("it is nested too deep")
        try:
            if self.takes("not"):
                return Not(self.one())
            if self.takes("("):
                node = self.either()
                if not self.takes(")"):
                    raise self.wrong("a ')' is missing")
                return node
            if self.at == len(self.words):
                raise self.wrong("it ends too early")
            word = self.words[self.at]
            if word == ")" or word.lower() in ("and", "or"):
                raise self.wrong(f"{word!r} is not expected")
            self.at += 1
            return _parse_check(word)
        finally:
            self.depth -= 1

    def takes(self, word: str) -> bool:
        if self.at < len(self.words) and self.words[self.at].lower() == word:
            self.at += 1
            return True
        return False

    def wrong(self, why: str) -> BadRule:
        return BadRule(f"cannot understand {self.text!r}: {why}")


def _words(text: str):
    """Words are separated by spaces; parentheses count only at the ends of a word, because `%(key)s` has some inside."""
    for word in text.split():
        clean = word.lstrip("(")
        yield from "(" * (len(word) - len(clean))
        core = clean.rstrip(")")
        if core:
            yield core
        yield from ")" * (len(clean) - len(core))


def _parse_check(word: str) -> Node:
    if word in ("@", "!"):
        return Always(word == "@")
    # A quoted literal may hold a colon of its own.
    start = word.find(word[0], 1) + 1 if word[0] in "'\"" else 0
    colon = word.find(":", start)
    if colon < 1:
        raise BadRule(f"{word!r} is not a check: expected kind:match")
    return Check(word[:colon], word[colon + 1:])


def _parse_list(rule: list | tuple) -> Node:
    if not rule:
        return Always(True)
    parts: list[Node] = []
    for inner in rule:
        checks = [inner] if isinstance(inner, str) else inner
        if not isinstance(checks, list | tuple) or not all(isinstance(check, str) and check for check in checks):
            raise BadRule(f"{inner!r} is not a list of checks")
        nodes = tuple(map(_parse_check, checks))
        if nodes:
            parts.append(nodes[0] if len(nodes) == 1 else And(nodes))
    if not parts:
        return Always(False)
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _inside(node: Node) -> str:
    return f"({node})" if isinstance(node, And | Or) else str(node)
