"""Attacks that OpenStack has published advisories about, tried through the API. They must fail."""

import pytest

from tests.network.lab import V2, Lab, type_of
from tests.network.reach import reaches


@pytest.mark.parametrize("option", [
    {"opt_name": "dns-server", "opt_value": "1.1.1.1\ndhcp-script=/bin/sh"}, {"opt_name": "a\ndhcp-script", "opt_value": "/bin/sh"},
    {"opt_name": "a", "opt_value": "b\r\nc"}, {"opt_name": "a", "opt_value": "b\x00"}, {"opt_name": "a b", "opt_value": "c"},
    {"opt_name": "a", "opt_value": "b\u2028c"}, {"opt_name": "", "opt_value": "x"}, {"opt_name": "a", "opt_value": "x" * 256},
])
async def test_ossa_2021_005_dhcp_options_cannot_add_lines_of_configuration(option):
    async with Lab() as lab:
        network = await lab.network()
        port = await lab.port(network)
        for answer in (await lab.as_().post(f"{V2}/ports", {"port": {"network_id": network["id"], "extra_dhcp_opts": [option]}}),
                       await lab.as_().put(f"{V2}/ports/{port['id']}", {"port": {"extra_dhcp_opts": [option]}})):
            assert answer.status == 400 and type_of(answer) == "HTTPBadRequest"
        await lab.settle()
        assert all(lease.options == {} for net in lab.wanted().networks for subnet in net.subnets for lease in subnet.leases)


async def test_ossa_2024_005_no_tags_on_foreign_resources():
    async with Lab() as lab:
        network, attacker = await lab.network(), lab.as_(project="p2")
        shared = await lab.network(by=lab.admin, shared=True)
        url = f"{V2}/networks/{network['id']}/tags"
        for answer in (
            await attacker.put(f"{url}/evil"),
            await attacker.put(url, {"tags": ["evil"]}),
            await attacker.post(url, {"tags": ["evil"]}),
            await attacker.delete(url),
        ):
            assert answer.status == 404
        visible = f"{V2}/networks/{shared['id']}/tags"
        for answer in (
            await attacker.put(f"{visible}/evil"),
            await attacker.put(visible, {"tags": ["evil"]}),
            await attacker.delete(visible),
        ):
            assert answer.status == 403
        assert (await attacker.get(visible)).json == {"tags": []}
        reader = await lab.as_("reader").put(f"{url}/evil")
        assert reader.status == 403 and (await lab.as_().get(url)).json == {"tags": []}


async def test_ossa_2019_001_no_ports_on_protocols_without_ports():
    async with Lab() as lab:
        group = await lab.make("security-groups", "security_group", name="g")
        for protocol in ("vrrp", "112", "esp", 47, "igmp"):
            body = {
                "security_group_id": group["id"],
                "direction": "ingress",
                "protocol": protocol,
                "port_range_min": 1,
                "port_range_max": 2,
            }
            refused = await lab.as_().post(f"{V2}/security-group-rules", {"security_group_rule": body})
            assert refused.status == 400 and type_of(refused) == "SecurityGroupInvalidProtocolForPort"


async def test_ossa_2019_002_overlapping_port_ranges_all_count():
    async with Lab() as lab:
        network = await lab.network()
        await lab.make("security-groups", "security_group", name="other")
        group = await lab.make("security-groups", "security_group", name="g")
        a, b = await lab.guest(network, security_groups=["g"]), await lab.guest(network, security_groups=["other"])
        for low, high in ((20, 30), (25, 40), (22, 22), (1, 65535)):
            body = {
                "security_group_id": group["id"],
                "direction": "ingress",
                "protocol": "tcp",
                "port_range_min": low,
                "port_range_max": high,
            }
            await lab.make("security-group-rules", "security_group_rule", **body)
            await lab.settle()
            assert all(reaches(lab.wanted(), b, a, "tcp", port) for port in (low, high))
        assert not reaches(lab.wanted(), b, a, "udp", 22)


async def test_ossa_2015_018_a_device_owner_frees_nobody_of_security_groups():
    async with Lab() as lab:
        shared = await lab.network(by=lab.admin, shared=True)
        refused = await lab.as_().post(f"{V2}/ports", {"port": {"network_id": shared["id"], "device_owner": "network:dhcp"}})
        assert refused.status == 403
        for network in (shared, await lab.network()):
            port = await lab.guest(network)
            before = next(p for p in lab.wanted().ports if p.id == port)
            assert before.security and before.groups
            for owner in ("network:router_interface", "network:dhcp", "neutron:evil", ""):
                answer = await lab.as_().put(f"{V2}/ports/{port}", {"port": {"device_owner": owner}})
                assert answer.status in ((200,) if network is not shared or not owner.startswith("network:") else (403,))
                await lab.settle()
                await lab.net.wire("h1")
                assert next(p for p in lab.wanted().ports if p.id == port) == before


async def test_ossa_2014_014_a_prefix_that_cannot_be_applied_is_never_kept():
    async with Lab() as lab:
        group = await lab.make("security-groups", "security_group", name="g")
        for prefix in ("1.2.3.4/-1", "1.2.3.4/33", "0.0.0.0/0/0", "x/24", "1.2.3/24", "::/129", " ", "10.0.0.0/24; drop"):
            body = {"security_group_id": group["id"], "direction": "ingress", "remote_ip_prefix": prefix}
            assert (await lab.as_().post(f"{V2}/security-group-rules", {"security_group_rule": body})).status == 400, prefix
        await lab.guest(await lab.network(), security_groups=["g"])
        body = {"security_group_id": group["id"], "direction": "ingress", "remote_ip_prefix": "192.168.1.77/16"}
        await lab.make("security-group-rules", "security_group_rule", **body)
        await lab.settle()
        assert "192.168.0.0/16" in {rule.remote_cidr for rule in lab.wanted().groups[0].rules}


async def test_ossa_2014_008_nobody_plugs_into_a_foreign_router():
    async with Lab() as lab:
        network, attacker = await lab.network(), lab.as_(project="p2")
        router = await lab.router(*network["subnets"])
        own = await lab.network(by=attacker, cidr="10.66.0.0/24")
        for owner in ("network:router_interface", "network:router_gateway", "network:router_interface_distributed"):
            plug = {"device_id": router["id"], "device_owner": owner}
            refused = await attacker.post(f"{V2}/ports", {"port": {"network_id": own["id"], **plug}})
            assert refused.status == 409 and type_of(refused) == "DeviceIDNotOwnedByTenant"
            port = await lab.port(own, by=attacker)
            assert (await attacker.put(f"{V2}/ports/{port['id']}", {"port": plug})).status == 409
            # One step after the other is no way around.
            assert (await attacker.put(f"{V2}/ports/{port['id']}", {"port": {"device_id": router["id"]}})).status == 200
            assert (await attacker.put(f"{V2}/ports/{port['id']}", {"port": {"device_owner": owner}})).status == 409
        await lab.settle()
        (known,) = [r for r in lab.wanted().routers if r.id == router["id"]]
        assert {p.network_id for p in known.interfaces} == {network["id"]}


async def test_ossa_2013_033_the_metadata_service_goes_by_the_address_on_the_network_only():
    """Whose request it is follows from where it came from, never from what it says: one address on two networks is two ports."""
    async with Lab() as lab:
        one, two = await lab.network(), await lab.network(by=lab.as_(project="p2"))
        a = await lab.guest(one, fixed_ip="10.0.0.50")
        b = await lab.guest(two, project="p2", fixed_ip="10.0.0.50")
        assert (await lab.net.port_at("10.0.0.50", network_id=one["id"])).id == a
        assert (await lab.net.port_at("10.0.0.50", network_id=two["id"])).id == b
        router = await lab.router(*two["subnets"], by=lab.as_(project="p2"))
        assert (await lab.net.port_at("10.0.0.50", router_id=router["id"])).id == b
        stranger = await lab.port(await lab.network(by=lab.as_(project="p2"), cidr="10.1.0.0/24"), by=lab.as_(project="p2"))
        await lab.as_(project="p2").put(f"{V2}/ports/{stranger['id']}", {"port": {"device_id": router["id"]}})
        assert await lab.net.port_at(stranger["fixed_ips"][0]["ip_address"], router_id=router["id"]) is None
