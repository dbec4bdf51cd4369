"""Limits of flavors on processors and interfaces: what they mean, and control groups made of files."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from pileus.compute.hypervisor.base import HypervisorFailed
from pileus.compute.hypervisor.limits import CPU_TRAIT, VIF_TRAIT, CpuShare, Rate, cpu_share, rate, traits_for
from pileus.compute.hypervisor.qemu.shares import Shares


def test_what_a_flavor_asks_of_hosts():
    assert traits_for({"quota:cpu_quota": "1000"}) == {CPU_TRAIT}
    assert traits_for({"quota:vif_inbound_average": "1", "quota:cpu_shares": "1"}) == {CPU_TRAIT, VIF_TRAIT}
    assert traits_for({"quota:disk_read_iops_sec": "1", "hw:cpu_policy": "shared"}) == frozenset()


def test_rates():
    assert rate({"quota:vif_inbound_average": "10", "quota:vif_inbound_peak": "20"}, "inbound") == Rate(average=10, peak=20)
    assert rate({"quota:vif_inbound_average": "10"}, "outbound") is None
    assert rate({"quota:vif_inbound_peak": "10"}, "inbound") is None


def test_shares_of_processors():
    assert cpu_share({}) is None
    assert cpu_share({"quota:cpu_quota": "-1"}) == CpuShare()
    assert cpu_share({"quota:cpu_quota": "5000", "quota:cpu_period": "10000", "quota:cpu_shares": "200"}) == \
        CpuShare(weight=200, quota=5000, period=10_000)
    for wrong in ({"quota:cpu_quota": "999"}, {"quota:cpu_period": "999"}, {"quota:cpu_period": "1000001"}, {"quota:cpu_shares": "10001"}):
        with pytest.raises(HypervisorFailed):
            cpu_share(wrong)


def test_a_guest_has_a_group(tmp_path):
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io\n")
    shares = Shares(tmp_path)
    assert shares.possible() and (shares.groups / "cgroup.subtree_control").read_text() == "+cpu"
    shares.put("g", 7, CpuShare(weight=50, quota=20_000, period=50_000), vcpus=2)
    group = shares.groups / "g"
    assert {name: (group / name).read_text() for name in ("cpu.weight", "cpu.max", "cgroup.procs")} == \
        {"cpu.weight": "50", "cpu.max": "40000 50000", "cgroup.procs": "7"}
    shares.put("g", 8, CpuShare(), vcpus=2)
    assert (group / "cpu.max").read_text() == "max 100000"
    shares.forget("g")
    shares.forget("nobody")


@pytest.mark.parametrize("controllers", [None, "hugetlb", "cpuset io"])
def test_a_host_without_the_processor_in_its_groups_cannot(tmp_path, controllers):
    if controllers is not None:
        (tmp_path / "cgroup.controllers").write_text(controllers)
    assert not Shares(tmp_path).possible()
    assert not (tmp_path / "pileus-guests").exists()
