"""Availability zones: the names that servers may ask for, and for administrators the hosts behind them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.compute.api.fields import moment
from pileus.compute.api.query import Parameters
from pileus.compute.model.host import Service
from pileus.compute.service.hosts import INTERNAL_ZONE
from pileus.core.http import Request, Route

READ = Parameters({}, strict=(2, 102))


async def list_zones(req: Request) -> dict[str, Any]:
    READ.read(req)
    zones = _by_zone(await req.services.compute.hosts.services())
    shown = [_view(zone, services) for zone, services in zones.items() if zone != INTERNAL_ZONE]
    return {"availabilityZoneInfo": _available_first(shown)}


async def list_zones_in_detail(req: Request) -> dict[str, Any]:
    READ.read(req)
    zones = _by_zone(await req.services.compute.hosts.services())
    return {
        "availabilityZoneInfo": _available_first(
            [_view(zone, services) | {"hosts": _hosts(services)} for zone, services in zones.items()]
        )
    }


ROUTES = [
    Route("GET", "/v2.1/os-availability-zone", list_zones, policy="os_compute_api:os-availability-zone:list"),
    Route("GET", "/v2.1/os-availability-zone/detail", list_zones_in_detail, policy="os_compute_api:os-availability-zone:detail"),
]


def _by_zone(services: list[Service]) -> dict[str, list[Service]]:
    found: dict[str, list[Service]] = {}
    for service in services:
        found.setdefault(service.zone, []).append(service)
    return found


def _view(zone: str, services: list[Service]) -> dict[str, Any]:
    """A zone is available while one of its hosts may take servers, down or not: that is for the scheduler to see."""
    return {"zoneName": zone, "zoneState": {"available": any(not service.disabled for service in services)}, "hosts": None}


def _hosts(services: list[Service]) -> dict[str, Any] | None:
    """The hosts that are enabled; None when none is."""
    hosts: dict[str, Any] = {}
    for service in services:
        if not service.disabled:
            state = {"available": service.up, "active": True, "updated_at": moment(service.seen_at)}
            hosts.setdefault(service.host, {})[service.binary] = state
    return hosts or None


def _available_first(zones: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(zones, key=lambda zone: not zone["zoneState"]["available"])
