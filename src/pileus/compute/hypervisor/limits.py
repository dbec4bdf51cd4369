"""A flavor's limits on processors and network interfaces (`quota:cpu_*`, `quota:vif_*`), as a guest's properties carry them.

Not every host can enforce them: one that can says so by a trait, and the scheduler sends a guest with limits nowhere else.
Limits on disks are not here: every driver that has disks has them. Pure.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pileus.compute.hypervisor.base import HypervisorFailed

CPU_TRAIT = "CUSTOM_COMPUTE_CPU_LIMITS"
VIF_TRAIT = "CUSTOM_COMPUTE_VIF_LIMITS"
_CPU = ("quota:cpu_shares", "quota:cpu_quota", "quota:cpu_period")
_VIF = tuple(f"quota:vif_{way}_{what}" for way in ("inbound", "outbound") for what in ("average", "peak", "burst"))

#: Microseconds that a kernel takes for a period, and the least that a guest may run in one.
PERIODS, QUOTA_MIN = range(1_000, 1_000_001), 1_000
PERIOD = 100_000
#: A kernel's weight of a group, by the words of its second generation of control groups.
WEIGHTS = range(1, 10_001)


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """Kilobytes per second in the long run and at most, and how many kilobytes may come at once."""

    average: int
    peak: int = 0                           # 0: without limit
    burst: int = 0                          # 0: what comes in a second


class CpuShare(msgspec.Struct, frozen=True, kw_only=True):
    """How much processor time a guest gets: its weight among others, and how many of each period's microseconds one CPU may run."""

    weight: int | None = None
    quota: int | None = None
    period: int = PERIOD


def traits_for(specs: Mapping[str, str]) -> frozenset[str]:
    """What a host must be able to do for a flavor with these extra specs."""
    return frozenset(trait for names, trait in ((_CPU, CPU_TRAIT), (_VIF, VIF_TRAIT)) if any(name in specs for name in names))


def rate(properties: Mapping[str, str], way: str) -> Rate | None:
    """The limit of one way, `inbound` (to the guest) or `outbound`; without an average there is none, as in libvirt."""
    average, peak, burst = (_number(properties, f"quota:vif_{way}_{what}") or 0 for what in ("average", "peak", "burst"))
    return Rate(average=average, peak=peak, burst=burst) if average > 0 else None


def cpu_share(properties: Mapping[str, str]) -> CpuShare | None:
    """Raises HypervisorFailed for numbers that no kernel takes."""
    if not any(name in properties for name in _CPU):
        return None
    weight, quota = _number(properties, "quota:cpu_shares"), _number(properties, "quota:cpu_quota")
    period = _number(properties, "quota:cpu_period") or PERIOD
    for name, value, sound in (("quota:cpu_shares", weight, weight is None or weight in WEIGHTS),
                               ("quota:cpu_quota", quota, quota is None or quota <= 0 or quota >= QUOTA_MIN),
                               ("quota:cpu_period", period, period in PERIODS)):
        if not sound:
            raise HypervisorFailed(what="limit the guest", detail=f"{name} cannot be {value}")
    return CpuShare(weight=weight, quota=quota if quota and quota > 0 else None, period=period)


def _number(properties: Mapping[str, str], name: str) -> int | None:
    return int(properties[name]) if name in properties else None
