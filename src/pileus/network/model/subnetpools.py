"""Subnet pools, which subnets' ranges are taken from, and address scopes, in which pools do not overlap."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from pileus.network.model.fields import Create, Number, Record, Tag, Update


class SubnetPool(Record, frozen=True, kw_only=True):
    ip_version: int
    prefixes: tuple[str, ...]
    min_prefixlen: int
    max_prefixlen: int
    default_prefixlen: int
    default_quota: int | None = None        # addresses (IPv4) or /64s (IPv6) that one project may have of it
    shared: bool = False
    is_default: bool = False
    address_scope_id: str | None = None


class SubnetPoolCreate(Create, frozen=True, kw_only=True, forbid_unknown_fields=True):
    prefixes: list[str]
    min_prefixlen: Number | UnsetType = UNSET
    max_prefixlen: Number | UnsetType = UNSET
    default_prefixlen: Number | UnsetType = UNSET
    default_quota: Number | None = None
    shared: bool = False
    is_default: bool = False
    address_scope_id: str | None = None
    tags: list[Tag] = []


class SubnetPoolUpdate(Update, frozen=True, kw_only=True, forbid_unknown_fields=True):
    prefixes: list[str] | UnsetType = UNSET
    min_prefixlen: Number | UnsetType = UNSET
    max_prefixlen: Number | UnsetType = UNSET
    default_prefixlen: Number | UnsetType = UNSET
    default_quota: Number | UnsetType | None = UNSET
    is_default: bool | UnsetType = UNSET
    address_scope_id: str | UnsetType | None = UNSET


class AddressScope(Record, frozen=True, kw_only=True):
    ip_version: int
    shared: bool = False


class AddressScopeCreate(Create, frozen=True, kw_only=True, forbid_unknown_fields=True):
    ip_version: Literal[4, 6, "4", "6"]
    shared: bool = False


class AddressScopeUpdate(Update, frozen=True, kw_only=True, forbid_unknown_fields=True):
    shared: bool | UnsetType = UNSET
