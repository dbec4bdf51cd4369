"""Where a container is synced to: `//REALM/CLUSTER/ACCOUNT/CONTAINER`, or a URL on a host that the operator allows."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from urllib.parse import quote, urlsplit

import msgspec

from pileus.object_store.config import ContainerSyncConfig
from pileus.object_store.pipeline.container_sync.realms import Realms


class SyncTarget(msgspec.Struct, frozen=True, kw_only=True):
    """`path`: that of the container, as it is in a URL. Without a realm the user's key alone opens it."""

    tls: bool
    host: str
    port: int
    path: str
    realm: str = ""
    key: str = ""


def read(text: str, config: ContainerSyncConfig, realms: Realms) -> SyncTarget:
    """Raises ValueError with the reason when it is none."""
    value = text.rstrip("/")
    if value.startswith("//"):
        return _in_realm(text, value[2:].split("/"), realms)
    if not config.allowed_hosts:
        raise ValueError("Full URLs are not allowed for X-Container-Sync-To values. Only realm values of the format "
                         "//realm/cluster/account/container are allowed.\n")
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https"):
        raise ValueError(f'Invalid scheme {parts.scheme!r} in X-Container-Sync-To, must be "//", "http", or "https".')
    if not parts.path:
        raise ValueError("Path required in X-Container-Sync-To")
    if parts.query or parts.fragment or parts.username or ";" in parts.path:
        raise ValueError("Params, queries, and fragments not allowed in X-Container-Sync-To")
    if parts.hostname not in config.allowed_hosts:
        raise ValueError(f"Invalid host {parts.hostname!r} in X-Container-Sync-To")
    return _at(value)


def _in_realm(text: str, parts: list[str], realms: Realms) -> SyncTarget:
    if len(parts) != 4:
        raise ValueError(f"Invalid X-Container-Sync-To format {text!r}")
    name, cluster, account, container = parts
    realm = realms.all().get(name.upper())
    if realm is None or not realm.key:
        raise ValueError(f"No realm key for {name!r}")
    if (endpoint := realm.clusters.get(cluster.upper())) is None:
        raise ValueError(f"No cluster endpoint for {name!r} {cluster!r}")
    found = _at(f"{endpoint.rstrip('/')}/{quote(account, safe='%')}/{quote(container, safe='%', errors='surrogateescape')}")
    return msgspec.structs.replace(found, realm=name.upper(), key=realm.key)


def _at(url: str) -> SyncTarget:
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    return SyncTarget(tls=tls, host=parts.hostname or "", port=parts.port or (443 if tls else 80), path=parts.path)
