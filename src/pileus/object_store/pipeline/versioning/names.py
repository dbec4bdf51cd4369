"""Where versions are: in a container of the store's own beside the client's, each with its moment in its name. Pure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from urllib.parse import quote, unquote

import msgspec

from pileus.object_store.model.names import RESERVED, reserved
from pileus.object_store.model.timestamp import FORM, inverted, normal, parse
from pileus.object_store.proxy.info import Info

ENABLED, CONTAINER = "x-container-sysmeta-versions-enabled", "x-container-sysmeta-versions-container"
#: On the link that stands for the current version.
LINK = "x-object-sysmeta-versions-symlink"
DELETED = "application/x-deleted;swift_versions_deleted=1"
#: The version of what was written while nothing was kept.
NULL = "null"


def container_of(container: str) -> str:
    """The container of a container's versions."""
    return reserved("versions", container)


def version_name(obj: str, version: str) -> str:
    """The name of a version: of one object's, the newest is the first."""
    return reserved(obj, inverted(version))


def parse_name(name: str) -> tuple[str, str] | None:
    """Object and version of such a name; None for another one."""
    parts = name.split(RESERVED)
    if len(parts) != 3 or parts[0] or not FORM.fullmatch(parts[2]):
        return None
    return parts[1], inverted(parts[2])


def parse_version(text: str) -> str:
    """A version's number in its one form. Raises ValueError."""
    return normal(parse(text))


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """An object in a container that has versions, or had them once."""

    account: str
    container: str
    object: str
    hidden: str                             # the container of versions; empty: there never was one
    enabled: bool                           # whether what is overwritten is kept

    @property
    def path(self) -> str:
        return f"/v1/{self.account}/{self.container}/{self.object}"

    def version_path(self, version: str) -> str:
        return f"/v1/{self.account}/{self.target(version)}"

    def target(self, version: str) -> str:
        """What the current version's link leads to."""
        return f"{self.hidden}/{version_name(self.object, version)}"

    def version_at(self, path: str) -> str:
        """The version that a target (CONTAINER/OBJECT) or path is; empty when it is none of this container's."""
        container, _, name = path.removeprefix(f"/v1/{self.account}/").partition("/")
        found = parse_name(name) if self.hidden and container == self.hidden else None
        return found[1] if found else ""


def hidden_of(info: Info) -> str:
    return unquote(info.headers.get(CONTAINER, ""))


def quoted(text: str) -> str:
    return quote(text, errors="surrogateescape")
