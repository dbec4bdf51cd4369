"""Access rules: what an application credential may be used for, beyond what its roles allow.

A rule names a kind of service, a method and a pattern of paths: `*` and `{name}` stand for one part of a path, `**` for any
number of them. A pattern is that of the service's own paths (`/v2.1/servers`), or of those below this cloud's one address
(`/compute/v2.1/servers`). Everything that no rule names is refused, so an empty list of rules allows nothing.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from pileus.identity.model import AccessRule

#: Other names of the service types that requests are checked with.
ALIASES = {
    "block-storage": ("volumev3", "block-store", "volumev2", "volume"),
    "object-store": ("object-storage",),
    "load-balancer": ("octavia",),
}
_PARTS = re.compile(r"\*\*|\*|\{[^{}/]*\}")


class Gate(msgspec.Struct, frozen=True):
    """The rules of one application credential, ready to be asked."""

    rules: tuple[tuple[str, str, re.Pattern[str]], ...]

    def allows(self, service: str, root: str, method: str, path: str) -> bool:
        """Whether a request to a service (its official type, mounted at `root`) is among what the rules name."""
        names = {service, *ALIASES.get(service, ())}
        below = path.removeprefix(root) if root and path.startswith(root + "/") else path
        return any(
            kind in names and verb == method and (pattern.fullmatch(below) or pattern.fullmatch(path))
            for kind, verb, pattern in self.rules
        )


def gate(rules: Iterable[AccessRule]) -> Gate:
    return Gate(tuple((r.service, r.method, _compile(r.path)) for r in rules))


def _compile(path: str) -> re.Pattern[str]:
    pattern, at = "", 0
    for found in _PARTS.finditer(path):
        pattern += re.escape(path[at : found.start()]) + (".*" if found[0] == "**" else "[^/]+")
        at = found.end()
    return re.compile(pattern + re.escape(path[at:]), re.DOTALL)
