"""Microversions of services, hypervisors and aggregates."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pileus.core.http import Change

SERVICES = frozenset({"os_compute_api:os-services:list"})
SERVICE = frozenset({"os_compute_api:os-services:update"})
AGGREGATES = frozenset(f"os_compute_api:os-aggregates:{verb}" for verb in ("index", "show", "create", "update", "action"))
LISTS = frozenset(f"os_compute_api:os-hypervisors:{verb}" for verb in ("list", "list-detail"))
DETAIL = frozenset(f"os_compute_api:os-hypervisors:{verb}" for verb in ("list-detail", "show"))
ALL = frozenset(f"os_compute_api:os-hypervisors:{verb}" for verb in ("list", "list-detail", "show", "uptime", "search", "servers"))

COUNTERS = (
    "vcpus",
    "vcpus_used",
    "memory_mb",
    "memory_mb_used",
    "free_ram_mb",
    "local_gb",
    "local_gb_used",
    "free_disk_gb",
    "disk_available_least",
    "current_workload",
    "running_vms",
    "cpu_info",
)


def each(singular: str, change: Callable[[dict[str, Any]], Any]) -> Any:
    """A converter that changes the object of an answer, or each object of its list."""

    def convert(body: Any, req: Any) -> Any:
        for item in body[f"{singular}s"] if f"{singular}s" in body else [body[singular]]:
            change(item)
        return body

    return convert


def _drop(*keys: str) -> Callable[[dict[str, Any]], None]:
    def drop(item: dict[str, Any]) -> None:
        for key in keys:
            item.pop(key, None)

    return drop


def _numbered(item: dict[str, Any]) -> None:
    """Numbers for ids, in a hypervisor's service too."""
    for part in (item, item.get("service", {})):
        if "number" in part:
            part["id"] = part.pop("number")


def _unnumbered(item: dict[str, Any]) -> None:
    for part in (item, item.get("service", {})):
        part.pop("number", None)


def _cpu_info_as_text(item: dict[str, Any]) -> None:
    item["cpu_info"] = json.dumps(item["cpu_info"])


def _no_empty_servers(item: dict[str, Any]) -> None:
    if not item.get("servers", True):
        del item["servers"]


def _unpaged(body: Any, req: Any) -> Any:
    body.pop("hypervisors_links", None)
    return body


CHANGES = [
    Change(version=(2, 11), title="services can be forced down", on=SERVICES, response=each("service", _drop("forced_down"))),
    Change(version=(2, 28), title="cpu_info is an object", on=DETAIL, response=each("hypervisor", _cpu_info_as_text)),
    Change(version=(2, 33), title="hypervisors are paged", on=LISTS, response=_unpaged),
    Change(version=(2, 41), title="aggregates have a uuid", on=AGGREGATES, response=each("aggregate", _drop("uuid"))),
    Change(
        version=(2, 53),
        title="services and hypervisors are known by UUID",
        on=SERVICES | SERVICE,
        response=each("service", _numbered),
        retire=each("service", _unnumbered),
    ),
    Change(
        version=(2, 53),
        title="services and hypervisors are known by UUID",
        on=ALL,
        response=each("hypervisor", _numbered),
        retire=each("hypervisor", _unnumbered),
    ),
    Change(version=(2, 75), title="no servers is an empty list", on=ALL, response=each("hypervisor", _no_empty_servers)),
    Change(
        version=(2, 88),
        title="hypervisors tell their uptime, and leave numbers to placement",
        on=DETAIL,
        response=each("hypervisor", _drop("uptime")),
        retire=each("hypervisor", _drop(*COUNTERS)),
    ),
]
