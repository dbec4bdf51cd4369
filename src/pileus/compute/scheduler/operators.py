"""The little languages of flavors and images: `s== QEMU`, `<or> a <or> b`, `>=7.0,<8.0`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import operator
import re
from collections.abc import Callable

_NUMBERS: dict[str, Callable] = {
    "=": operator.ge, "==": operator.eq, "!=": operator.ne, ">=": operator.ge, "<=": operator.le,
}
_TEXTS: dict[str, Callable] = {
    "s==": operator.eq, "s!=": operator.ne, "s<": operator.lt, "s<=": operator.le, "s>": operator.gt, "s>=": operator.ge,
}
_VERSIONS: dict[str, Callable] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}
_CLAUSE = re.compile(r"\s*(<=|>=|!=|==|<|>)\s*([0-9]+(?:\.[0-9]+)*)\s*")


def satisfies(value: str, wanted: str) -> bool:
    """Whether a host's `value` meets an extra spec. Without a known operator the whole text must be equal.

    `=` is "at least", for a reason only history knows; `<in>` and `<all-in>` look for parts of the text.
    """
    op, *words = wanted.split() or [""]
    if op == "<or>":
        return value in words[::2]
    if op not in _NUMBERS and op not in _TEXTS and op not in ("<in>", "<all-in>"):
        return value == wanted
    if not words:
        return False
    if op == "<all-in>":
        return all(word in value for word in words)
    if op == "<in>":
        return words[0] in value
    if op in _TEXTS:
        return _TEXTS[op](value, words[0])
    try:
        return _NUMBERS[op](float(value), float(words[0]))
    except ValueError:
        return False


def version_satisfies(version: int, wanted: str) -> bool:
    """Whether hypervisor version 7002000 (7.2.0) meets ">=6.0,<8". A text that is no such list is not met."""
    have = (version // 1_000_000, version // 1_000 % 1_000, version % 1_000)
    for clause in wanted.split(","):
        found = _CLAUSE.fullmatch(clause)
        if found is None:
            return False
        parts = tuple(int(part) for part in found[2].split("."))
        if not _VERSIONS[found[1]](have, (*parts, 0, 0, 0)[:max(3, len(parts))]):
            return False
    return True
