"""Filters and facts that come from host aggregates: each aggregate is a mask, so each is looked at once.

A host in several aggregates has the metadata of all of them, as sets of values.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np

from pileus.compute.scheduler.operators import satisfies
from pileus.compute.scheduler.request import ServerRequest
from pileus.compute.scheduler.snapshot import Hosts, is_finite

_SCOPE = "aggregate_instance_extra_specs:"


def in_zone(hosts: Hosts, zone: str) -> np.ndarray:
    mask, named = hosts.nowhere(), hosts.nowhere()
    for aggregate in hosts.aggregates.values():
        zones = aggregate.metadata.get("availability_zone")
        if zones:
            named |= aggregate.mask
            if zone in zones:
                mask |= aggregate.mask
    return (mask | ~named) & hosts.present if zone == hosts.limits.default_availability_zone else mask


def least(hosts: Hosts, key: str, otherwise: np.ndarray | float) -> np.ndarray:
    """The smallest number that the aggregates of each host have under `key`; what is no number is passed over."""
    found = np.full(len(hosts.rows), np.inf)
    for aggregate in hosts.aggregates.values():
        numbers = [float(value) for value in aggregate.metadata.get(key, ()) if is_finite(value)]
        if numbers:
            found[aggregate.mask] = np.minimum(found[aggregate.mask], min(numbers))
    return np.where(np.isinf(found), otherwise, found)


def instance_extra_specs(hosts: Hosts, request: ServerRequest) -> np.ndarray:
    """Each extra spec without a scope, or in this filter's scope, must be met by an aggregate of the host."""
    mask = hosts.present
    for key, wanted in request.extra_specs.items():
        if ":" in key and not key.startswith(_SCOPE):
            continue
        met = hosts.nowhere()
        for aggregate in hosts.aggregates.values():
            if any(satisfies(value, wanted) for value in aggregate.metadata.get(key.removeprefix(_SCOPE), ())):
                met |= aggregate.mask
        mask = mask & met
    return mask


def multi_tenancy_isolation(hosts: Hosts, request: ServerRequest) -> np.ndarray:
    """Hosts whose aggregates have `filter_tenant_id…` take these projects only."""
    closed, mine = hosts.nowhere(), hosts.nowhere()
    for aggregate in hosts.aggregates.values():
        lists = [values for key, values in aggregate.metadata.items() if key.startswith("filter_tenant_id")]
        if lists:
            closed |= aggregate.mask
            if any(request.project_id in values for values in lists):
                mine |= aggregate.mask
    return ~closed | mine


def image_properties_isolation(hosts: Hosts, request: ServerRequest) -> np.ndarray:
    """A host takes an image only when their values agree in every property both have."""
    limits = hosts.limits
    prefix = limits.aggregate_image_properties_isolation_namespace
    prefix += limits.aggregate_image_properties_isolation_separator if prefix else ""
    mask = hosts.present
    for key, value in request.image_properties.items():
        if not value or not key.startswith(prefix):
            continue
        asked, met = hosts.nowhere(), hosts.nowhere()
        for aggregate in hosts.aggregates.values():
            if key in aggregate.metadata:
                asked |= aggregate.mask
                if str(value) in aggregate.metadata[key]:
                    met |= aggregate.mask
        mask = mask & (~asked | met)
    return mask


def type_affinity(hosts: Hosts, request: ServerRequest) -> np.ndarray:
    """Hosts whose aggregates name `instance_type` take these flavors only."""
    closed, mine = hosts.nowhere(), hosts.nowhere()
    for aggregate in hosts.aggregates.values():
        if "instance_type" in aggregate.metadata:
            closed |= aggregate.mask
            if request.flavor_name in aggregate.metadata["instance_type"]:
                mine |= aggregate.mask
    return ~closed | mine
