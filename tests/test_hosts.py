"""Which hosts a process has, and what they share of the machine that they are on."""

import msgspec
import pytest

from pileus.config import CloudConfig
from pileus.core.bus import Loopback
from pileus.core.clock import Clock
from pileus.core.config import ConfigInvalid
from pileus.hosts import Machine, Place, former_hosts, host_names
from pileus.network.datapath.linux import Linux


def place(state, number: int = 0, **compute) -> Place:
    config = msgspec.convert({"host": "here", "compute": {"hypervisor": "qemu", **compute},
                              "bootstrap": {"public_cidr": "192.0.2.0/24", "public_bridge": "br-test"}}, CloudConfig)
    return Place(name=host_names(config)[number], config=config, state=state, clock=Clock(), bus=Loopback())


def test_a_machine_with_one_host_is_that_host(tmp_path):
    alone = place(tmp_path)
    assert alone.name == "here" and alone.home == tmp_path
    assert isinstance(Machine().make_host(alone)[1], Linux)


def test_several_hosts_have_folders_of_their_own_and_one_network(tmp_path):
    machine, places = Machine(), [place(tmp_path, n, hosts=2) for n in (0, 1)]
    assert [one.name for one in places] == ["here-0001", "here-0002"]
    assert [one.home for one in places] == [tmp_path / "hosts" / one.name for one in places]
    first, second = (machine.make_host(one) for one in places)
    assert first[1]._shared is second[1]._shared and not isinstance(first[1], Linux)
    assert (first[0]._neighbours.taps, second[0]._neighbours.taps) == ("tap", "t01")


def test_simulated_hosts_share_all_files_and_nothing_else(tmp_path):
    one = place(tmp_path, 1, hosts=2, hypervisor="simulated")
    assert one.home == tmp_path


@pytest.mark.parametrize("option", ["cpu_shared_set", "cpu_dedicated_set"])
def test_several_hosts_do_not_divide_processors(tmp_path, option):
    with pytest.raises(ConfigInvalid):
        Machine().make_host(place(tmp_path, hosts=2, **{option: "0"}))


def test_hosts_of_an_earlier_configuration_are_found(tmp_path):
    assert former_hosts(place(tmp_path).config, tmp_path) == []
    (tmp_path / "hosts" / "here-0001").mkdir(parents=True)
    (tmp_path / "guests").mkdir()
    assert former_hosts(place(tmp_path).config, tmp_path) == ["here-0001"]
    assert former_hosts(place(tmp_path, hosts=2).config, tmp_path) == ["here"]
