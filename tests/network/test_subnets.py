"""Subnets and subnet pools through the API."""

import pytest

from tests.network.lab import V2, Lab, message_of, type_of


async def test_defaults_and_update():
    async with Lab() as lab:
        network = await lab.network(cidr=None)
        made = await lab.make(
            "subnets",
            "subnet",
            network_id=network["id"],
            ip_version=4,
            cidr="10.1.2.3/24",
            dns_nameservers=["8.8.8.8"],
            host_routes=[{"destination": "10.9.0.0/16", "nexthop": "10.1.2.9"}],
            tags=["t"],
        )
        assert made["cidr"] == "10.1.2.0/24" and made["gateway_ip"] == "10.1.2.1" and made["enable_dhcp"] and made["tags"] == ["t"]
        assert made["allocation_pools"] == [{"start": "10.1.2.2", "end": "10.1.2.254"}]
        url = f"{V2}/subnets/{made['id']}"
        change = {
            "gateway_ip": "10.1.2.254",
            "allocation_pools": [{"start": "10.1.2.10", "end": "10.1.2.20"}],
            "dns_nameservers": ["9.9.9.9", "1.1.1.1"],
        }
        changed = (await lab.as_().put(url, {"subnet": change})).json["subnet"]
        assert {key: changed[key] for key in change} == change
        assert (await lab.as_().get(url)).json["subnet"] == changed
        assert (await lab.port(network))["fixed_ips"][0]["ip_address"] == "10.1.2.10"
        assert (await lab.as_().put(url, {"subnet": {"gateway_ip": None}})).json["subnet"]["gateway_ip"] is None
        assert (await lab.as_().put(url, {"subnet": {"gateway_ip": "10.1.2.15"}})).status == 409


@pytest.mark.parametrize(
    "fields, status, text",
    [
        ({"cidr": "ten"}, 400, "valid IP subnet"),
        ({"cidr": "10.0.0.1"}, 400, "valid IP subnet"),
        ({"cidr": "10.0.0.0/24", "ip_version": 6}, 400, "ip_version"),
        ({}, 400, "subnetpool"),
        ({"cidr": "0.0.0.0/0"}, 400, "prefix length"),
        ({"cidr": "10.0.0.0/31"}, 400, "DHCP"),
        ({"cidr": "224.0.0.0/24"}, 400, "multicast"),
        ({"cidr": "10.0.0.0/24", "gateway_ip": "fd00::1"}, 400, "Gateway"),
        ({"cidr": "10.0.0.0/24", "gateway_ip": "10.0.0.0"}, 400, "Gateway"),
        ({"cidr": "10.0.0.0/24", "gateway_ip": "10.0.0.255"}, 400, "Gateway"),
        ({"cidr": "10.0.0.0/24", "gateway_ip": "nowhere"}, 400, "gateway_ip"),
        ({"cidr": "10.0.0.0/24", "allocation_pools": [{"start": "10.0.0.9", "end": "10.0.0.2"}]}, 400, "not valid"),
        ({"cidr": "10.0.0.0/24", "allocation_pools": [{"start": "10.0.0.1", "end": "10.0.0.9"}]}, 409, "conflicts"),
        ({"cidr": "10.0.0.0/24", "dns_nameservers": ["x"]}, 400, "dns_nameservers"),
        ({"cidr": "10.0.0.0/24", "dns_nameservers": ["1.1.1.1"] * 2}, 400, "dup"),
        ({"cidr": "10.0.0.0/24", "dns_nameservers": [f"1.1.1.{i}" for i in range(6)]}, 400, "exceeds"),
        ({"cidr": "10.0.0.0/24", "host_routes": [{"destination": "x", "nexthop": "10.0.0.1"}]}, 400, "host_routes"),
        ({"cidr": "10.0.0.0/24", "host_routes": [{"destination": "fd00::/64", "nexthop": "fd00::1"}]}, 400, "ip_version"),
        ({"cidr": "10.0.0.0/24", "ipv6_ra_mode": "slaac"}, 400, "ip_version is 4"),
        ({"cidr": "10.0.0.0/24", "ip_version": 5}, 400, ""),
        ({"cidr": "10.0.0.0/24", "nonsense": 1}, 400, "nonsense"),
        ({"cidr": "10.0.0.0/24", "network_id": "x"}, 400, ""),
        ({"cidr": "fd00::/64", "ip_version": 6, "ipv6_ra_mode": "slaac", "ipv6_address_mode": "dhcpv6-stateful"}, 400, "not valid"),
        ({"cidr": "fd00::/64", "ip_version": 6, "ipv6_ra_mode": "slaac", "enable_dhcp": False}, 400, "enable_dhcp"),
        ({"cidr": "fd00::/80", "ip_version": 6, "ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}, 400, "/64"),
    ],
)
async def test_bad_subnets_are_refused_and_make_nothing(fields, status, text):
    async with Lab() as lab:
        network = await lab.network(cidr=None)
        refused = await lab.as_().post(f"{V2}/subnets", {"subnet": {"network_id": network["id"], "ip_version": 4, **fields}})
        assert refused.status == status and text in message_of(refused), refused.text
        assert (await lab.admin.get(f"{V2}/subnets")).json["subnets"] == [] and (await lab.admin.get(f"{V2}/ports")).json[
            "ports"
        ] == []


async def test_no_overlap_on_one_network_but_on_others():
    async with Lab() as lab:
        network = await lab.network()
        refused = await lab.as_().post(
            f"{V2}/subnets", {"subnet": {"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.128/25"}}
        )
        assert refused.status == 400 and "overlaps with another subnet" in message_of(refused)
        await lab.network()
        two = [{"network_id": network["id"], "ip_version": 4, "cidr": f"10.0.{i}.0/24"} for i in (1, 1)]
        assert (await lab.as_().post(f"{V2}/subnets", {"subnets": two})).status == 400
        assert len((await lab.as_().get(f"{V2}/subnets?network_id={network['id']}")).json["subnets"]) == 1


async def test_a_subnet_with_ports_stays_a_dhcp_port_does_not_count():
    async with Lab() as lab:
        network = await lab.network()
        ports = (await lab.as_().get(f"{V2}/ports?network_id={network['id']}")).json["ports"]
        assert [p["device_owner"] for p in ports] == ["network:dhcp"]
        port = await lab.port(network)
        refused = await lab.as_().delete(f"{V2}/subnets/{network['subnets'][0]}")
        assert refused.status == 409 and type_of(refused) == "SubnetInUse"
        await lab.as_().delete(f"{V2}/ports/{port['id']}")
        assert (await lab.as_().delete(f"{V2}/subnets/{network['subnets'][0]}")).status == 204
        assert (await lab.as_().get(f"{V2}/ports")).json["ports"] == []


async def test_the_dhcp_port_follows_the_subnets():
    async with Lab() as lab:
        network = await lab.network()

        async def dhcp():
            ports = (await lab.as_().get(f"{V2}/ports?device_owner=network:dhcp")).json["ports"]
            return [sorted(ip["ip_address"] for ip in port["fixed_ips"]) for port in ports]

        assert await dhcp() == [["10.0.0.2"]]
        second = await lab.make("subnets", "subnet", network_id=network["id"], ip_version=4, cidr="10.0.1.0/24")
        assert await dhcp() == [["10.0.0.2", "10.0.1.2"]]
        assert (await lab.as_().put(f"{V2}/subnets/{second['id']}", {"subnet": {"enable_dhcp": False}})).status == 200
        assert await dhcp() == [["10.0.0.2"]]
        ports = (await lab.as_().get(f"{V2}/ports?device_owner=network:dhcp")).json["ports"]
        assert (await lab.as_().delete(f"{V2}/ports/{ports[0]['id']}")).status == 204
        assert len((await dhcp())[0]) == 1                        # made again
        await lab.as_().put(f"{V2}/subnets/{network['subnets'][0]}", {"subnet": {"enable_dhcp": False}})
        assert await dhcp() == []
        await lab.settle()
        assert lab.wanted().networks == ()


async def test_no_address_left_for_dhcp_is_made_good_later():
    async with Lab() as lab:
        network = await lab.network(cidr=None)
        pool = [{"start": "10.0.0.5", "end": "10.0.0.5"}]
        subnet = await lab.make(
            "subnets",
            "subnet",
            network_id=network["id"],
            ip_version=4,
            cidr="10.0.0.0/24",
            allocation_pools=pool,
            enable_dhcp=False,
        )
        port = await lab.port(network)
        assert (await lab.as_().put(f"{V2}/subnets/{subnet['id']}", {"subnet": {"enable_dhcp": True}})).status == 200
        dhcp = (await lab.as_().get(f"{V2}/ports?device_owner=network:dhcp")).json["ports"]
        assert dhcp[0]["fixed_ips"] == []
        await lab.as_().delete(f"{V2}/ports/{port['id']}")
        assert await lab.net.dhcp.settle_all() == "1 networks"
        dhcp = (await lab.as_().get(f"{V2}/ports?device_owner=network:dhcp")).json["ports"]
        assert dhcp[0]["fixed_ips"][0]["ip_address"] == "10.0.0.5"
        assert await lab.net.dhcp.settle_all() is None


async def test_automatic_addresses_follow_the_mac():
    async with Lab() as lab:
        network = await lab.network()
        port = await lab.port(network, mac_address="fa:16:3e:00:00:01")
        modes = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
        subnet = await lab.make("subnets", "subnet", network_id=network["id"], ip_version=6, cidr="2001:db8::/64", **modes)
        ips = [ip["ip_address"] for ip in (await lab.as_().get(f"{V2}/ports/{port['id']}")).json["port"]["fixed_ips"]]
        assert ips[1] == "2001:db8::f816:3eff:fe00:1"
        other = await lab.port(network, mac_address="fa:16:3e:00:00:02")
        assert [ip["ip_address"] for ip in other["fixed_ips"]][1] == "2001:db8::f816:3eff:fe00:2"
        refused = await lab.as_().post(
            f"{V2}/ports", {"port": {"network_id": network["id"], "fixed_ips": [{"ip_address": "2001:db8::5"}]}}
        )
        assert refused.status == 400 and type_of(refused) == "AllocationOnAutoAddressSubnet"
        moved = await lab.admin.put(f"{V2}/ports/{port['id']}", {"port": {"mac_address": "fa:16:3e:00:00:03"}})
        assert [ip["ip_address"] for ip in moved.json["port"]["fixed_ips"]][1] == "2001:db8::f816:3eff:fe00:3"
        assert (await lab.as_().delete(f"{V2}/subnets/{subnet['id']}")).status == 204
        assert len((await lab.as_().get(f"{V2}/ports/{port['id']}")).json["port"]["fixed_ips"]) == 1


async def test_subnets_of_foreign_networks():
    async with Lab() as lab:
        mine, shared, other = await lab.network(), await lab.network(by=lab.admin, shared=True), lab.as_(project="p2")
        assert (await other.get(f"{V2}/subnets/{mine['subnets'][0]}")).status == 404
        assert (await other.delete(f"{V2}/subnets/{mine['subnets'][0]}")).status == 404
        body = {"ip_version": 4, "cidr": "10.7.0.0/24"}
        assert (await other.post(f"{V2}/subnets", {"subnet": {"network_id": mine["id"], **body}})).status in (403, 404)
        assert (await other.post(f"{V2}/subnets", {"subnet": {"network_id": shared["id"], **body}})).status == 403
        assert (await other.delete(f"{V2}/subnets/{shared['subnets'][0]}")).status == 403
        assert (await other.get(f"{V2}/subnets/{shared['subnets'][0]}")).status == 200


async def test_subnets_are_carved_from_pools():
    async with Lab() as lab:
        pool = await lab.make(
            "subnetpools",
            "subnetpool",
            name="p",
            prefixes=["10.10.0.0/23", "10.10.2.0/24"],
            default_prefixlen="24",
            max_prefixlen=28,
        )
        assert (
            pool["prefixes"] == ["10.10.0.0/23", "10.10.2.0/24"] and pool["min_prefixlen"] == 8 and pool["default_prefixlen"] == 24
        )
        network = await lab.network(cidr=None)

        async def carve(**fields):
            return await lab.as_().post(
                f"{V2}/subnets", {"subnet": {"network_id": network["id"], "ip_version": 4, "subnetpool_id": pool["id"], **fields}}
            )

        assert (await carve()).json["subnet"]["cidr"] == "10.10.0.0/24"
        assert (await carve(prefixlen=26)).json["subnet"]["cidr"] == "10.10.1.0/26"
        assert (await carve(cidr="10.10.2.128/25")).json["subnet"]["cidr"] == "10.10.2.128/25"
        assert (await carve(prefixlen=25)).json["subnet"]["cidr"] == "10.10.1.128/25"
        assert type_of(await carve()) == "SubnetAllocationError"
        assert type_of(await carve(cidr="10.10.2.192/26")) == "SubnetAllocationError"
        assert (
            type_of(await carve(prefixlen=29)) == "MaxPrefixSubnetAllocationError"
            and type_of(await carve(prefixlen=7)) == "MinPrefixSubnetAllocationError"
        )
        other = await lab.network()
        mixed = await lab.as_().post(
            f"{V2}/subnets", {"subnet": {"network_id": other["id"], "ip_version": 4, "subnetpool_id": pool["id"]}}
        )
        assert type_of(mixed) == "NetworkSubnetPoolAffinityError"
        used = await lab.as_().delete(f"{V2}/subnetpools/{pool['id']}")
        assert used.status == 400 and type_of(used) == "SubnetPoolDeleteError"


async def test_subnet_pools_have_limits_and_bounds():
    async with Lab() as lab:
        for fields, kind in (
            ({"prefixes": []}, "EmptySubnetPoolPrefixList"),
            ({"prefixes": ["10.0.0.0/8", "fd00::/48"]}, "PrefixVersionMismatch"),
            ({"prefixes": ["10.0.0.0/8"], "min_prefixlen": 25, "max_prefixlen": 24}, "IllegalSubnetPoolPrefixBounds"),
            ({"prefixes": ["10.0.0.0/8"], "default_prefixlen": 33}, "HTTPBadRequest"),
            ({"prefixes": ["ten"]}, "HTTPBadRequest"),
        ):
            refused = await lab.as_().post(f"{V2}/subnetpools", {"subnetpool": {"name": "p", **fields}})
            assert refused.status == 400 and type_of(refused) == kind, refused.text
        pool = await lab.make("subnetpools", "subnetpool", prefixes=["10.10.0.0/24"], default_prefixlen=26, default_quota=128)
        network = await lab.network(cidr=None)
        order = {"subnet": {"network_id": network["id"], "ip_version": 4, "subnetpool_id": pool["id"]}}
        assert [(await lab.as_().post(f"{V2}/subnets", order)).status for _ in range(3)] == [201, 201, 409]
        url = f"{V2}/subnetpools/{pool['id']}"
        assert (await lab.as_().put(url, {"subnetpool": {"prefixes": ["10.10.0.0/23"]}})).json["subnetpool"]["prefixes"] == [
            "10.10.0.0/23"
        ]
        assert (await lab.as_().put(url, {"subnetpool": {"prefixes": ["10.20.0.0/24"]}})).status == 400
        assert (await lab.as_(project="p2").get(url)).status == 404
        assert (
            await lab.as_().post(f"{V2}/subnetpools", {"subnetpool": {"prefixes": ["10.0.0.0/8"], "shared": True}})
        ).status == 403
        await lab.make(
            "subnetpools", "subnetpool", by=lab.admin, prefixes=["10.30.0.0/16"], is_default=True, shared=True, default_prefixlen=24
        )
        default = await lab.network(cidr=None)
        made = await lab.make("subnets", "subnet", network_id=default["id"], ip_version=4, use_default_subnetpool=True)
        assert made["cidr"] == "10.30.0.0/24"


async def test_address_scopes_keep_pools_apart():
    async with Lab() as lab:
        scope = await lab.make("address-scopes", "address_scope", name="s", ip_version=4)
        pool = await lab.make(
            "subnetpools", "subnetpool", prefixes=["10.0.0.0/16"], address_scope_id=scope["id"], default_prefixlen=24
        )
        network = await lab.network(cidr=None)
        assert network["ipv4_address_scope"] is None
        await lab.make("subnets", "subnet", network_id=network["id"], ip_version=4, subnetpool_id=pool["id"])
        assert (await lab.as_().get(f"{V2}/networks/{network['id']}")).json["network"]["ipv4_address_scope"] == scope["id"]
        refused = await lab.as_().post(
            f"{V2}/subnetpools", {"subnetpool": {"prefixes": ["10.0.5.0/24"], "address_scope_id": scope["id"]}}
        )
        assert refused.status == 409 and type_of(refused) == "AddressScopePrefixConflict"
        assert (await lab.as_().delete(f"{V2}/address-scopes/{scope['id']}")).status == 409
        assert (await lab.as_(project="p2").get(f"{V2}/address-scopes/{scope['id']}")).status == 404
        renamed = await lab.as_().put(f"{V2}/address-scopes/{scope['id']}", {"address_scope": {"name": "t"}})
        assert renamed.json["address_scope"]["name"] == "t"
