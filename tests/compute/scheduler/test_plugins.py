"""Filters and weighers of third parties, by entry points."""

# SPDX-License-Identifier: Apache-2.0
import random
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from pileus.compute.scheduler import plugins
from pileus.compute.scheduler.filters import Filter
from pileus.compute.scheduler.rank import rank
from pileus.compute.scheduler.request import ServerRequest
from pileus.compute.scheduler.snapshot import Host, Hosts
from pileus.compute.scheduler.weighers import Weigher

ONLY_EVEN = Filter(lambda hosts, request: hosts.vcpus % 2 == 0)
MOST_CPUS = Weigher(lambda hosts, request: hosts.vcpus, 1.0, "most_cpus_weight_multiplier")


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    points = EntryPoints([EntryPoint("OnlyEven", f"{__name__}:ONLY_EVEN", "pileus.scheduler.filters"),
                          EntryPoint("Wrong", f"{__name__}:MOST_CPUS", "pileus.scheduler.filters"),
                          EntryPoint("MostCpus", f"{__name__}:MOST_CPUS", "pileus.scheduler.weighers")])
    monkeypatch.setattr(plugins, "entry_points", lambda *, group: points.select(group=group))


def test_they_decide_like_the_standard_ones():
    hosts = Hosts()
    for at, cpus in enumerate((1, 2, 4, 5)):
        hosts.put(Host(id=str(at), host=f"h{at}", vcpus=cpus, memory_mb=1024))
    found = plugins.load(["OnlyEven", "RamFilter"], ["MostCpus"])
    ranking = rank(hosts, ServerRequest(vcpus=1, memory_mb=1), chance=random.Random(1), filters=["OnlyEven", "RamFilter"],
                   weighers={"MostCpus": 1.0}, plugins=found)
    assert [c.host for c in (*ranking.chosen, *ranking.alternates[0])] == ["h2", "h1"]
    assert ranking.removed == {"OnlyEven": 2}


def test_what_is_of_the_wrong_kind_or_nowhere_is_refused():
    with pytest.raises(ValueError, match="is no Filter"):
        plugins.load(["Wrong"], [])
    with pytest.raises(ValueError, match="no such weigher: Missing"):
        plugins.load([], ["Missing"])
