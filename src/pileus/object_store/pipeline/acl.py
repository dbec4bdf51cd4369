"""Access lists of containers: who else may read or write. Pure.

A list has elements with commas between: `.r:HOST` lets in by the Referer header (`.r:*` everybody, `.r:-HOST` nobody of that
host), `.rlistings` shows listings to those as well; `PROJECT:USER`, either of them `*`, lets in by token; a role's name lets in
those who have it in the owning project. (Object Storage guide, "Access Control Lists".)
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from urllib.parse import unquote, urlsplit

import msgspec

from pileus.core.context import Context

REFERRERS = (".r", ".ref", ".referer", ".referrer")


class AccessList(msgspec.Struct, frozen=True, kw_only=True):
    referrers: tuple[str, ...] = ()
    listings: bool = False                  # whether who comes by a referrer sees listings
    others: tuple[str, ...] = ()            # PROJECT:USER, and roles

    def lets_in_referrer(self, referrer: str) -> bool:
        """The last element that fits decides."""
        try:
            host = (urlsplit(referrer).hostname or "unknown") if referrer else "unknown"
        except ValueError:
            host = "unknown"
        allowed = False
        for wanted in self.referrers:
            name = wanted.removeprefix("-")
            if name == "*" or name == host or (name.startswith(".") and host.endswith(name)):
                allowed = not wanted.startswith("-")
        return allowed

    def lets_in_user(self, who: Context, *, by_name: bool) -> bool:
        """`by_name`: whether names count: only where they cannot be another domain's."""
        projects, users = {"*", who.project_id}, {"*", who.user_id}
        if by_name:
            projects.add(who.project_name)
            users.add(who.user_name)
        pairs = (tuple(unquote(part) for part in element.split(":", 1)) for element in self.others if ":" in element)
        return any(project in projects and user in users for project, user in pairs)

    def names_role(self, roles: frozenset[str]) -> bool:
        return any(element.lower() in roles for element in self.others if ":" not in element)


def parse(text: str | None) -> AccessList:
    referrers, others, listings = [], [], False
    for element in (part.strip() for part in (text or "").split(",")):
        if element.startswith(".r:"):
            referrers.append(element[3:])
        elif element == ".rlistings":
            listings = True
        elif element:
            others.append(element)
    return AccessList(referrers=tuple(referrers), listings=listings, others=tuple(others))


def clean(header: str, text: str) -> str:
    """A list as it is kept. Raises ValueError with the reason when it is none."""
    return ",".join(_cleaned(header, element.strip()) for element in text.split(",") if element.strip())


def _cleaned(header: str, element: str) -> str:
    kind, colon, value = (part.strip() for part in element.partition(":"))
    if not kind.startswith("."):
        return element
    if not colon:
        return element
    if kind not in REFERRERS:
        raise ValueError(f"Unknown designator {kind!r} in ACL: {element!r}")
    if "write" in header:
        raise ValueError(f"Referrers not allowed in write ACL: {element!r}")
    negated, host = value.startswith("-"), value.removeprefix("-").strip()
    if host.startswith("*") and host != "*":
        host = host[1:].strip()
    if not host or host == ".":
        raise ValueError(f"No host/domain value after referrer designation in ACL: {element!r}")
    return f".r:{'-' if negated else ''}{host}"
