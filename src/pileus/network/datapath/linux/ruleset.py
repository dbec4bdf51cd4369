"""How rules reach the kernel: one text for `nft -f -` that replaces whole tables in one transaction. Pure.

A transaction either takes effect as a whole or not at all, and no packet meets half of it. An empty chain, named after a
digest of the text, tells later whether the rules in the kernel are still these.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping


def replace(tables: Mapping[tuple[str, str], str]) -> str:
    """Text that makes the tables, (family, name) → body, be just this, whatever they are now."""
    return "".join(f"table {family} {name}\ndelete table {family} {name}\ntable {family} {name} {{\n{body}}}\n"
                   for (family, name), body in tables.items())


def remove(tables: Iterable[tuple[str, str]]) -> str:
    """Text that makes the tables be gone; they need not exist."""
    return "".join(f"table {family} {name}\ndelete table {family} {name}\n" for family, name in tables)


def digest_chain(rules: str) -> str:
    return "digest_" + hashlib.sha256(rules.encode()).hexdigest()[:24]


def signed(rules: str, family: str, name: str) -> str:
    """The rules together with the chain that tells of them."""
    return f"{rules}add chain {family} {name} {digest_chain(rules)}\n"


def chain(name: str, *rules: str, hook: str = "") -> str:
    """A chain; with `hook` ("forward priority -200") a base chain that accepts what no rule decides."""
    lines = ([f"type {hook}; policy accept;"] if hook else []) + list(rules)
    return f"  chain {name} {{\n" + "".join(f"    {line}\n" for line in lines) + "  }\n"


def members(values: Iterable[str]) -> str:
    """An anonymous set."""
    return "{ " + ", ".join(values) + " }"


def quoted(names: Iterable[str]) -> str:
    """An anonymous set of device names."""
    return members(f'"{name}"' for name in sorted(names))


def mapping(name: str, types: str, elements: Mapping[str, str]) -> str:
    """A named map; with no elements it matches nothing."""
    inside = ", ".join(f"{key} : {value}" for key, value in elements.items())
    return f"  map {name} {{\n    type {types};\n" + (f"    elements = {{ {inside} }}\n" if inside else "") + "  }\n"


def addresses(name: str, type: str, elements: Iterable[str]) -> str:
    """A named set of prefixes. The caller has collapsed them: overlapping ones would be refused."""
    inside = ", ".join(elements)
    return f"  set {name} {{\n    type {type}; flags interval;\n" + (f"    elements = {{ {inside} }}\n" if inside else "") + "  }\n"
