"""The configuration of a whole cloud: one TOML file, a section per service. `docs/configuration.md` is made from it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import msgspec

from pileus.compute.config import ComputeConfig
from pileus.identity.config import IdentityConfig
from pileus.image.config import ImageConfig
from pileus.network.config import NetworkConfig
from pileus.object_store.config import ObjectStoreConfig
from pileus.placement.config import PlacementConfig


class ApiConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[api]"""

    listen: str = "127.0.0.1:8787"          # address and port of all services
    endpoint: str = ""                      # base of the URLs in the service catalog; empty: http://LISTEN
    region: str = "RegionOne"               # the region of the endpoints
    policy_file: str = ""                   # operators' policy rules (YAML), on top of the defaults
    policy_folder: str = ""                 # a folder of more such files, taken in the order of their names


class DatabaseConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[database]"""

    url: str = ""                           # sqlite:///…, postgresql+asyncpg://…, mysql+asyncmy://…; empty: SQLite in the state folder


class LogConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[log]"""

    level: str = "INFO"                     # DEBUG, INFO, WARNING or ERROR
    json: bool = False                      # one JSON object per line instead of text


class BootstrapConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[bootstrap]: what a new cloud starts with."""

    demo: bool = True                       # the projects demo and alt_demo with their users, and the demo's private network
    public_cidr: str = ""                   # addresses of the external network; empty: a free one of 172.24.4.0/24 and those after it
    public_bridge: str = ""                 # bridge of the external network; empty: one of this cloud's own
    private_cidr: str = "10.11.12.0/24"     # addresses of the demo's private network


class CloudConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    host: str = ""                          # name of this host; empty: the machine's
    api: ApiConfig = msgspec.field(default_factory=ApiConfig)
    database: DatabaseConfig = msgspec.field(default_factory=DatabaseConfig)
    log: LogConfig = msgspec.field(default_factory=LogConfig)
    bootstrap: BootstrapConfig = msgspec.field(default_factory=BootstrapConfig)
    identity: IdentityConfig = msgspec.field(default_factory=IdentityConfig)
    image: ImageConfig = msgspec.field(default_factory=ImageConfig)
    placement: PlacementConfig = msgspec.field(default_factory=PlacementConfig)
    compute: ComputeConfig = msgspec.field(default_factory=ComputeConfig)
    network: NetworkConfig = msgspec.field(default_factory=NetworkConfig)
    object_store: ObjectStoreConfig = msgspec.field(default_factory=ObjectStoreConfig)


def database_url(config: CloudConfig, state: Path) -> str:
    """Where a cloud's database is: as configured, else SQLite in its state folder."""
    return config.database.url or f"sqlite:///{state / 'pileus.db'}"
