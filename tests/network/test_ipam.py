"""Address allocation: the pure arithmetic, and the tables behind it driven by random operations."""

from ipaddress import ip_address, ip_network
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pileus.core.clock import VirtualTimeLoop
from pileus.core.context import CLOUD
from pileus.core.errors import CloudError
from pileus.network import addressing, errors, ipam
from pileus.network.model import FixedIpWish, NetworkCreate, Pool, PortCreate, PortUpdate, SubnetCreate, SubnetUpdate
from tests.network.lab import Lab

addresses = st.integers(0, 60)
ranges = st.lists(st.tuples(addresses, addresses).map(lambda pair: (min(pair), max(pair))), max_size=6)


def spread(found):
    return [address for first, last in found for address in range(first, last + 1)]


@given(ranges, st.sets(addresses))
def test_free_is_the_pools_less_what_is_used(pools, used):
    found = ipam.free(pools, used)
    assert spread(found) == sorted(set(spread(pools)) - used)


@given(ranges, ranges)
def test_free_blocks_are_the_pools_less_blocks(pools, used):
    assert spread(ipam.free_blocks(pools, used)) == sorted(set(spread(pools)) - set(spread(used)))


@given(ranges)
def test_merged_ranges_are_the_same_addresses_apart(pools):
    found = ipam.merged(pools)
    assert spread(found) == sorted(set(spread(pools)))
    assert all(a[1] + 1 < b[0] for a, b in pairwise(found))


@given(st.tuples(addresses, addresses).map(lambda pair: (min(pair), max(pair))), addresses)
def test_without_takes_one_address(one, address):
    assert spread(ipam.without(one, address)) == [a for a in spread([one]) if a != address]


@given(ranges, st.sampled_from([1, 2, 4, 8]))
def test_the_first_block_is_aligned_free_and_first(pools, size):
    found, every = ipam.first_block(ipam.merged(pools), size), set(spread(pools))
    fits = [at for at in range(0, 64, size) if every.issuperset(range(at, at + size))]
    assert found == (fits[0] if fits else None)


def test_an_enormous_subnet_costs_nothing():
    net = ip_network("2001:db8::/64")
    pools = addressing.ranges_of(addressing.default_pools(net, "2001:db8::1"))
    assert ipam.size(pools) == 2**64 - 2 and ipam.free(pools, [int(ip_address("2001:db8::5"))])[0][1] == int(
        ip_address("2001:db8::4")
    )


@pytest.mark.parametrize("cidr, gateway, pools", [
    ("10.0.0.0/24", "10.0.0.1", [("10.0.0.2", "10.0.0.254")]),
    ("10.0.0.0/24", "10.0.0.9", [("10.0.0.1", "10.0.0.8"), ("10.0.0.10", "10.0.0.254")]),
    ("10.0.0.0/24", None, [("10.0.0.1", "10.0.0.254")]),
    ("10.0.0.0/30", "10.0.0.1", [("10.0.0.2", "10.0.0.2")]),
    ("10.0.0.0/31", None, [("10.0.0.0", "10.0.0.1")]),
    ("10.0.0.7/32", None, [("10.0.0.7", "10.0.0.7")]),
    ("fd00::/64", "fd00::1", [("fd00::2", "fd00::ffff:ffff:ffff:ffff")]),
    ("fd00::/64", "fe80::1", [("fd00::1", "fd00::ffff:ffff:ffff:ffff")]),
])
def test_default_pools(cidr, gateway, pools):
    assert [(pool.start, pool.end) for pool in addressing.default_pools(ip_network(cidr), gateway)] == pools


@pytest.mark.parametrize("pools, error", [
    ([("10.0.0.9", "10.0.0.3")], errors.InvalidAllocationPool),
    ([("fd00::1", "fd00::2")], errors.InvalidAllocationPool),
    ([("10.0.0.2", "10.0.1.2")], errors.OutOfBoundsAllocationPool),
    ([("10.0.0.0", "10.0.0.9")], errors.OutOfBoundsAllocationPool),
    ([("10.0.0.2", "10.0.0.9"), ("10.0.0.9", "10.0.0.12")], errors.OverlappingAllocationPools),
    ([("10.0.0.1", "10.0.0.9")], errors.GatewayConflictWithAllocationPools),
    ([("ten", "eleven")], CloudError),
])
def test_pools_that_cannot_be(pools, error):
    with pytest.raises(error):
        addressing.check_pools(ip_network("10.0.0.0/24"), [Pool(start=a, end=b) for a, b in pools], "10.0.0.1")


def test_eui64():
    assert addressing.eui64("2001:db8::/64", "fa:16:3e:00:00:01") == "2001:db8::f816:3eff:fe00:1"


class Allocation(RuleBasedStateMachine):
    """Ports come and go on a small subnet, with and without wishes; its pools change under them."""

    def __init__(self):
        super().__init__()
        self.loop = VirtualTimeLoop()
        self.lab = Lab()
        self.run(self.lab.__aenter__())
        self.ports: dict[str, set[str]] = {}
        network = self.run(self.lab.net.networks.create(CLOUD, NetworkCreate(project_id="p")))
        order = SubnetCreate(network_id=network.id, project_id="p", cidr="10.9.0.0/27", enable_dhcp=False)
        self.network, self.subnet = network.id, self.run(self.lab.net.subnets.create(CLOUD, order)).id

    def run(self, awaited):
        return self.loop.run_until_complete(awaited)

    def teardown(self):
        self.run(self.lab.__aexit__())
        self.loop.close()

    def attempt(self, awaited):
        """Refusals are fine; what they leave behind is not."""
        try:
            return self.run(awaited)
        except CloudError:
            return None

    def remember(self, port):
        if port is not None:
            self.ports[port.id] = {address.ip for address in port.addresses}

    @rule()
    def create(self):
        self.remember(self.attempt(self.lab.net.ports.create(CLOUD, PortCreate(network_id=self.network, project_id="p"))))

    @rule(last=st.integers(0, 31), more=st.booleans())
    def create_at(self, last, more):
        wishes = [FixedIpWish(ip_address=f"10.9.0.{last}"), *([FixedIpWish(subnet_id=self.subnet)] if more else [])]
        self.remember(
            self.attempt(self.lab.net.ports.create(CLOUD, PortCreate(network_id=self.network, project_id="p", fixed_ips=wishes)))
        )

    @precondition(lambda self: self.ports)
    @rule(data=st.data(), last=st.integers(0, 31), keep=st.booleans())
    def move(self, data, last, keep):
        port = data.draw(st.sampled_from(sorted(self.ports)))
        wishes = [FixedIpWish(ip_address=f"10.9.0.{last}"), *([FixedIpWish(subnet_id=self.subnet)] if keep else [])]
        self.remember(self.attempt(self.lab.net.ports.update(CLOUD, port, PortUpdate(fixed_ips=wishes))))

    @precondition(lambda self: self.ports)
    @rule(data=st.data())
    def delete(self, data):
        port = data.draw(st.sampled_from(sorted(self.ports)))
        self.run(self.lab.net.ports.delete(CLOUD, port))
        del self.ports[port]

    @rule(first=st.integers(0, 31), last=st.integers(0, 31))
    def change_pools(self, first, last):
        pools = [Pool(start=f"10.9.0.{first}", end=f"10.9.0.{last}")]
        self.attempt(self.lab.net.subnets.update(CLOUD, self.subnet, SubnetUpdate(allocation_pools=pools)))

    @rule(last=st.one_of(st.none(), st.integers(0, 31)))
    def change_gateway(self, last):
        gateway = None if last is None else f"10.9.0.{last}"
        self.attempt(self.lab.net.subnets.update(CLOUD, self.subnet, SubnetUpdate(gateway_ip=gateway)))

    @invariant()
    def every_address_is_one_ports(self):
        subnet = self.run(self.lab.net.subnets.get(CLOUD, self.subnet))
        used = self.run(self.lab.net.stores.addresses.of_subnet(self.subnet))
        assert len({a.ip for a in used}) == len(used)
        by_port: dict[str, set[str]] = {}
        for address in used:
            by_port.setdefault(address.port_id, set()).add(address.ip)
        assert by_port == {port: ips for port, ips in self.ports.items() if ips}
        net = ip_network(subnet.cidr)
        assert all(ip_address(a.ip) in net and a.ip not in ("10.9.0.0", "10.9.0.31") for a in used)

    @invariant()
    def what_is_free_is_the_pools_less_what_is_used(self):
        subnet = self.run(self.lab.net.subnets.get(CLOUD, self.subnet))
        used = {addressing.number(a.ip) for a in self.run(self.lab.net.stores.addresses.of_subnet(self.subnet))}
        found = spread(self.run(self.lab.net.stores.addresses.free_ranges(subnet)))
        pools = set(spread(addressing.ranges_of(subnet.allocation_pools)))
        assert len(found) == len(set(found))
        assert set(found) == pools - used
        if subnet.gateway_ip:
            assert addressing.number(subnet.gateway_ip) not in pools


TestAllocation = Allocation.TestCase
TestAllocation.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


async def test_addresses_are_used_again_as_late_as_possible():
    async with Lab() as lab:
        network = await lab.network(cidr="10.9.0.0/28", subnet={"enable_dhcp": False})
        first = await lab.port(network)
        await lab.kit.clock.sleep(1)
        assert (await lab.as_().delete(f"/network/v2.0/ports/{first['id']}")).status == 204
        later = [(await lab.port(network))["fixed_ips"][0]["ip_address"] for _ in range(13)]
        assert len(set(later)) == 13 and later[-1] == first["fixed_ips"][0]["ip_address"]
        refused = await lab.as_().post("/network/v2.0/ports", {"port": {"network_id": network["id"]}})
        assert refused.status == 409 and refused.json["NeutronError"]["type"] == "IpAddressGenerationFailure"
