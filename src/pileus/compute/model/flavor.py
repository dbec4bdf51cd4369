"""The shape of a server."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

import msgspec


class Flavor(msgspec.Struct, frozen=True, kw_only=True):
    """A flavor as it is stored, and as a server remembers the one it was made with."""

    id: str                                 # flavorid of the API; chosen by the administrator or a UUID
    name: str
    vcpus: int
    memory_mb: int
    root_gib: int
    ephemeral_gib: int = 0
    swap_mb: int = 0
    rxtx_factor: float = 1.0
    public: bool = True
    disabled: bool = False
    description: str | None = None
    extra_specs: dict[str, str] = {}
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a list of flavors is to hold. `public` None: all of them, which only administrators may ask."""

    public: bool | None = True
    ram_min: int | None = None
    disk_min: int | None = None
    name: str | None = None
    sort_key: str = "flavorid"
    descending: bool = False
