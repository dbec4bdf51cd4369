"""What the compute service calls: plain Python."""

import pytest

from pileus.core.context import Context
from pileus.network import errors
from pileus.network.model import RequestedNetwork as Wish
from tests.network.lab import V2, Lab

WHO = Context(user_id="u", project_id="p1", roles=frozenset({"member", "reader"}))


async def test_a_server_port_is_wired_and_active():
    async with Lab() as lab:
        network = await lab.network()
        port_id = await lab.guest(network)
        port = (await lab.as_().get(f"{V2}/ports/{port_id}")).json["port"]
        assert (
            port["status"] == "ACTIVE"
            and port["device_owner"] == "compute:nova"
            and port["fixed_ips"][0]["ip_address"].startswith("10.0.0.")
        )
        assert len(port["security_groups"]) == 1
        wanted = lab.wanted()
        assert [one.id for one in wanted.ports] == [port_id] and wanted.ports[0].device == "tap" + port_id[:11]
        assert wanted.ports[0].groups == tuple(port["security_groups"]) and wanted.groups[0].id == port["security_groups"][0]
        assert wanted.members == {port["security_groups"][0]: (port["fixed_ips"][0]["ip_address"],)}
        leases = wanted.networks[0].subnets[0].leases
        assert [(one.mac, one.ip) for one in leases] == [(port["mac_address"], port["fixed_ips"][0]["ip_address"])]
        assert wanted.networks[0].dhcp_port is not None


async def test_every_call_may_be_repeated():
    async with Lab("h1", "h2") as lab:
        network = await lab.network()
        create = dict(project_id="p1", device_id="s1", device_owner="compute:nova", host="h1", security_groups=["default"])
        first = await lab.net.create_server_port("11111111-1111-4111-8111-111111111111", network["id"], **create)
        assert await lab.net.create_server_port(first.id, network["id"], **create) == first
        moved = await lab.net.create_server_port(first.id, network["id"], **create | {"host": "h2"})
        assert moved.host == "h2" and moved.addresses == first.addresses
        with pytest.raises(errors.PortInUse):
            await lab.net.create_server_port(first.id, network["id"], **create | {"device_id": "other"})
        for _ in range(2):
            await lab.net.delete_port(first.id)
        assert await lab.net.ports_of("s1") == []


async def test_a_port_is_ready_where_its_guest_is_coming_to():
    async with Lab("h1", "h2") as lab:
        network = await lab.network()
        port_id = await lab.guest(network)
        before = (await lab.as_().get(f"{V2}/ports/{port_id}")).json["port"]
        await lab.net.expect_port(port_id, device_id="somebody else", host="h2")
        assert await lab.net.wire("h2") == frozenset()
        device = before["device_id"]
        await lab.net.expect_port(port_id, device_id=device, host="h2")
        assert await lab.net.wire("h2") == {port_id} == await lab.net.wire("h1")
        assert (await lab.as_().get(f"{V2}/ports/{port_id}")).json["port"] == before
        await lab.net.bind_port(port_id, device_id=device, device_owner="compute:nova", host="h2")
        await lab.net.sync.settle()
        assert [one.id for one in lab.wanted("h2").ports] == [port_id] and lab.wanted("h1").ports == ()
        await lab.net.expect_port(port_id, device_id=device, host="h1")
        await lab.net.bind_port(port_id, device_id=device, device_owner="compute:nova", host="h2")        # it does not go, after all
        await lab.net.sync.settle()
        assert [one.id for one in lab.wanted("h2").ports] == [port_id] and lab.wanted("h1").ports == ()


async def test_a_port_of_the_user_is_bound_once():
    async with Lab() as lab:
        port = await lab.port(await lab.network())
        bind = dict(device_id="s1", device_owner="compute:nova", host="h1")
        assert (await lab.net.bind_port(port["id"], **bind)).host == "h1"
        await lab.net.bind_port(port["id"], **bind)
        with pytest.raises(errors.PortInUse):
            await lab.net.bind_port(port["id"], **bind | {"device_id": "s2"})
        await lab.net.wire("h1")
        await lab.net.unbind_port(port["id"], device_id="somebody else")
        assert [one.id for one in await lab.net.ports_of("s1")] == [port["id"]]
        for _ in range(2):
            await lab.net.unbind_port(port["id"])
        after = (await lab.as_().get(f"{V2}/ports/{port['id']}")).json["port"]
        assert (
            after["device_id"] == after["device_owner"] == ""
            and after["status"] == "DOWN"
            and after["fixed_ips"] == port["fixed_ips"]
        )
        await lab.settle()
        assert lab.wanted().ports == ()


async def test_ports_of_many_servers_at_once():
    async with Lab() as lab:
        network = await lab.network(name="private")
        external = await lab.external()
        await lab.router(*network["subnets"], external=external)
        ids = [await lab.guest(network) for _ in range(5)]
        floating = await lab.make("floatingips", "floatingip", floating_network_id=external["id"], port_id=ids[0])
        devices = [(await lab.as_().get(f"{V2}/ports/{id}")).json["port"]["device_id"] for id in ids]
        views = await lab.net.ports_of_devices([*devices, "nobody"])
        assert set(views) == set(devices)
        one = views[devices[0]][0]
        assert (
            one.network_name == "private"
            and one.floating_ips == ((one.addresses[0].ip, floating["floating_ip_address"]),)
            and one.security_groups == ("default",)
        )
        assert one.addresses[0].ip.startswith("10.0.0.") and one.mtu == 1450 and one.status == "ACTIVE"
        assert await lab.net.devices_by_address(one.addresses[0].ip.replace(".", r"\.") + "$", 4) == {devices[0]}
        assert [g.name for g in await lab.net.security_groups_of(devices[0])] == ["default"]
        assert (await lab.net.port_at(one.addresses[0].ip, network_id=network["id"])).id == ids[0]
        router = (await lab.as_().get(f"{V2}/routers")).json["routers"][0]
        assert (await lab.net.port_at(one.addresses[0].ip, router_id=router["id"])).id == ids[0]
        assert await lab.net.port_at("10.0.0.250", network_id=network["id"]) is None


async def test_plan():
    async with Lab() as lab:
        plan = lab.net.plan
        assert await plan(WHO, None) == () and await plan(WHO, "none") == ()
        with pytest.raises(errors.NoNetworkToAllocate):
            await plan(WHO, "auto")
        network = await lab.network()
        assert await plan(WHO, None) == await plan(WHO, "auto") == (Wish(network_id=network["id"]),)
        free = await lab.port(network)
        assert await plan(WHO, (Wish(port_id=free["id"], tag="t"),)) == (
            Wish(network_id=network["id"], port_id=free["id"], tag="t"),
        )
        assert await plan(WHO, (Wish(network_id=network["id"], fixed_ip="10.0.0.77"),))
        external, foreign = await lab.external(), await lab.network(by=lab.as_(project="p2"))
        bare = await lab.network(cidr=None)
        used = await lab.guest(network)
        for error, wishes in (
            (errors.RequestedNetworkNotFound, [Wish(network_id=foreign["id"])]),
            (errors.RequestedNetworkNotFound, [Wish(network_id="nonsense")]),
            (errors.RequestedPortNotFound, [Wish(port_id="nonsense")]),
            (errors.ExternalNetworkAttachForbidden, [Wish(network_id=external["id"])]),
            (errors.NetworkRequiresSubnet, [Wish(network_id=bare["id"])]),
            (errors.PortInUse, [Wish(port_id=used)]),
            (errors.PortInUse, [Wish(port_id=free["id"]), Wish(port_id=free["id"])]),
            (errors.FixedIpNotValid, [Wish(network_id=network["id"], fixed_ip="11.0.0.1")]),
            (errors.FixedIpNotValid, [Wish(network_id=network["id"], fixed_ip="eleven")]),
            (errors.FixedIpAlreadyInUse, [Wish(network_id=network["id"], fixed_ip=free["fixed_ips"][0]["ip_address"])]),
            (errors.NetworkAmbiguous, None),
        ):
            with pytest.raises(error):
                await plan(WHO, wishes)
        with pytest.raises(errors.RequestedSecurityGroupNotFound):
            await plan(WHO, "none", security_groups=["nobody"])
        await plan(WHO, "none", security_groups=["default"])


async def test_a_host_without_an_agent_cannot_be_wired():
    from pileus.core.bus import HostUnreachable

    async with Lab() as lab:
        with pytest.raises(HostUnreachable):
            await lab.net.wire("nowhere")


async def test_groups_of_a_port_are_changed_from_compute():
    async with Lab() as lab:
        network = await lab.network()
        port_id = await lab.guest(network)
        group = await lab.make("security-groups", "security_group", name="web")
        assert (await lab.net.find_security_group("p1", "web")).id == group["id"]
        default = (await lab.net.find_security_group("p1", "default")).id
        await lab.net.set_port_groups(port_id, add={group["id"]}, remove={default})
        assert (await lab.as_().get(f"{V2}/ports/{port_id}")).json["port"]["security_groups"] == [group["id"]]
        await lab.settle()
        assert lab.wanted().ports[0].groups == (group["id"],)
