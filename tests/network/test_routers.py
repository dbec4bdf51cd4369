"""Routers and floating IPs through the API, and what the network host is told of them."""

from tests.network.lab import V2, Lab, message_of, type_of


async def interface(lab, router, verb="add", by=None, **how):
    return await (by or lab.as_()).put(f"{V2}/routers/{router['id']}/{verb}_router_interface", how)


async def test_interfaces_by_subnet_and_by_port():
    async with Lab() as lab:
        one, two = await lab.network(), await lab.network(cidr="10.1.0.0/24")
        router = await lab.router()
        added = (await interface(lab, router, subnet_id=one["subnets"][0])).json
        assert (
            added["subnet_ids"] == one["subnets"]
            and added["id"] == router["id"]
            and added["network_id"] == one["id"]
            and added["tenant_id"] == "p1"
        )
        port = (await lab.as_().get(f"{V2}/ports/{added['port_id']}")).json["port"]
        assert (
            port["fixed_ips"][0]["ip_address"] == "10.0.0.1"
            and port["device_owner"] == "network:router_interface"
            and port["status"] == "ACTIVE"
        )
        brought = await lab.port(two)
        assert (await interface(lab, router, port_id=brought["id"])).status == 200
        assert (await lab.as_().get(f"{V2}/ports/{brought['id']}")).json["port"]["device_id"] == router["id"]
        await lab.settle()
        (known,) = lab.wanted().routers
        assert sorted(ip.ip for p in known.interfaces for ip in p.fixed_ips) == ["10.0.0.1", brought["fixed_ips"][0]["ip_address"]]
        busy = await lab.as_().delete(f"{V2}/routers/{router['id']}")
        assert busy.status == 409 and type_of(busy) == "RouterInUse"
        assert (await interface(lab, router, "remove", subnet_id=one["subnets"][0])).status == 200
        assert (await interface(lab, router, "remove", port_id=brought["id"])).json["port_id"] == brought["id"]
        assert (await lab.as_().get(f"{V2}/ports/{brought['id']}")).status == 404
        assert (await lab.as_().delete(f"{V2}/routers/{router['id']}")).status == 204
        await lab.settle()
        assert lab.wanted().routers == ()


async def test_interfaces_that_cannot_be():
    async with Lab() as lab:
        one, same, foreign = (
            await lab.network(),
            await lab.network(cidr="10.0.0.128/25"),
            await lab.network(by=lab.as_(project="p2"), cidr="10.4.0.0/24"),
        )
        router, bare = await lab.router(*one["subnets"]), await lab.network(cidr="10.3.0.0/24", subnet={"gateway_ip": None})
        outside = await lab.network(cidr="10.4.0.0/24", subnet={"gateway_ip": "10.5.0.1"})
        guest, naked = await lab.guest(bare), await lab.port(bare, fixed_ips=[])
        unknown = "5b1bd9cb-4bd4-4d3e-a2dc-25bf5e8e9b8d"
        for how, status, text in (
            ({}, 400, "Either"),
            ({"subnet_id": one["subnets"][0], "port_id": guest}, 400, "both"),
            ({"subnet_id": one["subnets"][0]}, 400, "already"),
            ({"subnet_id": same["subnets"][0]}, 400, "overlaps"),
            ({"subnet_id": bare["subnets"][0]}, 400, "gateway IP"),
            ({"subnet_id": outside["subnets"][0]}, 400, "not a valid IP"),
            ({"subnet_id": foreign["subnets"][0]}, 404, ""),
            ({"subnet_id": unknown}, 404, ""),
            ({"port_id": unknown}, 404, ""),
            ({"port_id": guest}, 409, "attached device"),
            ({"port_id": naked["id"]}, 400, "fixed IP"),
            ({"subnet_id": "x"}, 400, ""),
        ):
            refused = await interface(lab, router, **how)
            assert refused.status == status and text in message_of(refused), (how, refused.text)
        for how, status in (({"subnet_id": same["subnets"][0]}, 404), ({"port_id": guest}, 404), ({}, 400)):
            assert (await interface(lab, router, "remove", **how)).status == status
        mine = (await lab.as_().get(f"{V2}/ports?device_id={router['id']}")).json["ports"][0]
        mixed = await interface(lab, router, "remove", port_id=mine["id"], subnet_id=same["subnets"][0])
        assert mixed.status == 400 and type_of(mixed) == "SubnetMismatchForPort"


async def test_ipv6_subnets_of_a_network_share_an_interface():
    async with Lab() as lab:
        network = await lab.network(cidr="fd00:1::/64")
        second = await lab.make("subnets", "subnet", network_id=network["id"], ip_version=6, cidr="fd00:2::/64")
        router = await lab.router()
        first = (await interface(lab, router, subnet_id=network["subnets"][0])).json
        added = (await interface(lab, router, subnet_id=second["id"])).json
        assert first["port_id"] == added["port_id"] and added["subnet_ids"] == [second["id"]]
        assert (await interface(lab, router, "remove", subnet_id=second["id"])).status == 200
        port = (await lab.as_().get(f"{V2}/ports/{first['port_id']}")).json["port"]
        assert [ip["ip_address"] for ip in port["fixed_ips"]] == ["fd00:1::1"]


async def test_gateways():
    async with Lab() as lab:
        external, inner = await lab.external(), await lab.network()
        router = await lab.router(*inner["subnets"], external=external)
        info = router["external_gateway_info"]
        assert (
            info["network_id"] == external["id"]
            and info["enable_snat"]
            and info["external_fixed_ips"][0]["ip_address"] == "172.24.4.2"
        )
        await lab.settle()
        (known,) = lab.wanted().routers
        assert known.gateway.next_hops == ("172.24.4.1",) and known.gateway.snat and known.gateway.port.fixed_ips[0].prefix == 24
        assert {n.id for n in lab.wanted().networks} == {external["id"], inner["id"]}
        assert (await lab.as_().get(f"{V2}/ports?device_owner=network:router_gateway")).json["ports"] == []

        url = f"{V2}/routers/{router['id']}"
        for value, status in (({"network_id": inner["id"]}, 400), ({"network_id": "5b1bd9cb-4bd4-4d3e-a2dc-25bf5e8e9b8d"}, 404),
                              ({"network_id": external["id"], "enable_snat": False}, 403), ({"nonsense": 1}, 400)):
            assert (await lab.as_().put(url, {"router": {"external_gateway_info": value}})).status == status, value
        fixed = [{"subnet_id": external["subnets"][0], "ip_address": "172.24.4.77"}]
        moved = await lab.admin.put(
            url,
            {
                "router": {
                    "external_gateway_info": {"network_id": external["id"], "enable_snat": False, "external_fixed_ips": fixed}
                }
            },
        )
        assert moved.json["router"]["external_gateway_info"] == {
            "network_id": external["id"],
            "enable_snat": False,
            "external_fixed_ips": fixed,
        }
        cleared = await lab.as_().put(url, {"router": {"external_gateway_info": {}}})
        assert cleared.json["router"]["external_gateway_info"] is None
        assert (await lab.admin.get(f"{V2}/ports?device_owner=network:router_gateway")).json["ports"] == []
        route = {"routes": [{"destination": "10.9.0.0/16", "nexthop": "172.24.4.99"}]}
        await lab.as_().put(url, {"router": {"external_gateway_info": {"network_id": external["id"]}}})
        assert (await lab.as_().put(url, {"router": route})).status == 200
        kept = await lab.as_().put(url, {"router": {"external_gateway_info": None}})
        assert kept.status == 409 and type_of(kept) == "RouterInterfaceInUseByRoute"
        await interface(lab, router, "remove", subnet_id=inner["subnets"][0])
        assert (await lab.as_().delete(url)).status == 204                    # but a router may go with its routes
        assert (await lab.as_().post(f"{V2}/routers", {"router": {"distributed": True}})).status == 403
        assert (await lab.admin.post(f"{V2}/routers", {"router": {"ha": True}})).status == 400


async def test_routes():
    async with Lab() as lab:
        inner = await lab.network()
        router = await lab.router(*inner["subnets"])
        url = f"{V2}/routers/{router['id']}"

        async def put(*routes, where=url):
            return await lab.as_().put(where, {"router": {"routes": [{"destination": d, "nexthop": n} for d, n in routes]}})

        assert (await put(("10.9.0.0/16", "10.0.0.9"))).json["router"]["routes"] == [
            {"destination": "10.9.0.0/16", "nexthop": "10.0.0.9"}
        ]
        await lab.settle()
        assert lab.wanted().routers[0].routes == (("10.9.0.0/16", "10.0.0.9"),)
        for bad in (
            [("10.9.0.0/16", "10.77.0.1")],
            [("10.9.0.0/16", "10.0.0.1")],
            [("10.9.0.0/16", "10.0.0.9")] * 2,
            [("x", "10.0.0.9")],
            [("10.9.0.0/16", "fd00::1")],
            [(f"10.9.{i}.0/24", "10.0.0.9") for i in range(31)],
        ):
            assert (await put(*bad)).status == 400, bad
        assert len((await put(("10.8.0.0/16", "10.0.0.8"), where=url + "/add_extraroutes")).json["router"]["routes"]) == 2
        assert len((await put(("10.9.0.0/16", "10.0.0.9"), where=url + "/remove_extraroutes")).json["router"]["routes"]) == 1
        kept = await interface(lab, router, "remove", subnet_id=inner["subnets"][0])
        assert kept.status == 409 and type_of(kept) == "RouterInterfaceInUseByRoute"
        assert (await lab.as_().put(url, {"router": {"routes": None}})).json["router"]["routes"] == []


async def test_a_floating_ip_comes_and_goes():
    async with Lab() as lab:
        external, inner = await lab.external(), await lab.network()
        router = await lab.router(*inner["subnets"], external=external)
        guest = await lab.guest(inner)
        made = await lab.make("floatingips", "floatingip", floating_network_id=external["id"], description="d", tags=["t"])
        assert (
            made["status"] == "DOWN"
            and made["port_id"] is made["fixed_ip_address"] is made["router_id"] is made["port_details"] is None
        )
        url = f"{V2}/floatingips/{made['id']}"
        bound = (await lab.as_().put(url, {"floatingip": {"port_id": guest}})).json["floatingip"]
        assert (
            bound["status"] == "ACTIVE"
            and bound["router_id"] == router["id"]
            and bound["port_details"]["device_owner"] == "compute:nova"
        )
        await lab.settle()
        (known,) = lab.wanted().routers[0].floating_ips
        assert (known.floating, known.fixed) == (made["floating_ip_address"], bound["fixed_ip_address"])
        for status, kind, answer in (
            (
                409,
                "FloatingIPPortAlreadyAssociated",
                lab.as_().post(f"{V2}/floatingips", {"floatingip": {"floating_network_id": external["id"], "port_id": guest}}),
            ),
            (
                409,
                "RouterExternalGatewayInUseByFloatingIp",
                lab.as_().put(f"{V2}/routers/{router['id']}", {"router": {"external_gateway_info": None}}),
            ),
            (409, "RouterInterfaceInUseByFloatingIP", interface(lab, router, "remove", subnet_id=inner["subnets"][0])),
        ):
            refused = await answer
            assert refused.status == status and type_of(refused) == kind, refused.text
        assert len((await lab.as_().get(f"{V2}/floatingips")).json["floatingips"]) == 1
        freed = (await lab.as_().put(url, {"floatingip": {"port_id": None}})).json["floatingip"]
        assert freed["port_id"] is freed["router_id"] is None and freed["status"] == "DOWN"
        await lab.as_().put(url, {"floatingip": {"port_id": guest}})
        await lab.net.delete_port(guest)
        assert (await lab.as_().get(url)).json["floatingip"]["port_id"] is None
        assert (await lab.as_().delete(url)).status == 204
        assert (await lab.admin.get(f"{V2}/ports?device_owner=network:floatingip")).json["ports"] == []


async def test_floating_ips_that_cannot_be():
    async with Lab() as lab:
        external, inner, apart = await lab.external("172.24.4.0/29"), await lab.network(), await lab.network(cidr="10.2.0.0/24")
        await lab.router(*inner["subnets"], external=external)
        port, unreachable = await lab.port(inner), await lab.port(apart)
        double = await lab.port(inner, fixed_ips=[{"ip_address": "10.0.0.60"}, {"ip_address": "10.0.0.61"}])
        foreign = await lab.port(await lab.network(by=lab.as_(project="p2")), by=lab.as_(project="p2"))
        for fields, status in (
            ({"floating_network_id": inner["id"]}, 400), ({"floating_network_id": "5b1bd9cb-4bd4-4d3e-a2dc-25bf5e8e9b8d"}, 404),
            ({"port_id": unreachable["id"]}, 404), ({"port_id": foreign["id"]}, 404), ({"port_id": double["id"]}, 400),
            ({"port_id": port["id"], "fixed_ip_address": "10.0.0.200"}, 400), ({"fixed_ip_address": "10.0.0.3"}, 400),
            ({"floating_ip_address": "172.24.4.5"}, 403), ({"nonsense": 1}, 400),
        ):
            refused = await lab.as_().post(f"{V2}/floatingips", {"floatingip": {"floating_network_id": external["id"], **fields}})
            assert refused.status == status, (fields, refused.text)
        assert (await lab.admin.get(f"{V2}/floatingips")).json["floatingips"] == []
        chosen = await lab.make(
            "floatingips", "floatingip", floating_network_id=external["id"], port_id=double["id"], fixed_ip_address="10.0.0.61"
        )
        assert chosen["fixed_ip_address"] == "10.0.0.61"
        named = await lab.make(
            "floatingips", "floatingip", by=lab.as_("manager"), floating_network_id=external["id"], floating_ip_address="172.24.4.6"
        )
        assert named["floating_ip_address"] == "172.24.4.6"
        while (
            answer := await lab.as_().post(f"{V2}/floatingips", {"floatingip": {"floating_network_id": external["id"]}})
        ).status == 201:
            pass
        assert answer.status == 409 and type_of(answer) == "IpAddressGenerationFailure"


async def test_an_address_that_goes_takes_its_floating_ip_along():
    async with Lab() as lab:
        external, inner = await lab.external(), await lab.network()
        await lab.router(*inner["subnets"], external=external)
        port = await lab.port(inner, fixed_ips=[{"ip_address": "10.0.0.60"}, {"ip_address": "10.0.0.61"}])
        for ip in ("10.0.0.60", "10.0.0.61"):
            await lab.make("floatingips", "floatingip", floating_network_id=external["id"], port_id=port["id"], fixed_ip_address=ip)
        await lab.as_().put(f"{V2}/ports/{port['id']}", {"port": {"fixed_ips": [{"ip_address": "10.0.0.61"}]}})
        found = (await lab.as_().get(f"{V2}/floatingips")).json["floatingips"]
        assert sorted(str(f["fixed_ip_address"]) for f in found) == ["10.0.0.61", "None"]


async def test_foreign_routers_and_floating_ips():
    async with Lab() as lab:
        external, inner, other = await lab.external(), await lab.network(), lab.as_(project="p2")
        router = await lab.router(*inner["subnets"], external=external)
        floating = await lab.make("floatingips", "floatingip", floating_network_id=external["id"])
        for path, name in ((f"routers/{router['id']}", "router"), (f"floatingips/{floating['id']}", "floatingip")):
            assert (await other.get(f"{V2}/{path}")).status == (await other.delete(f"{V2}/{path}")).status == 404
            assert (await other.put(f"{V2}/{path}", {name: {"description": "x"}})).status == 404
        assert (await interface(lab, router, by=other, subnet_id=inner["subnets"][0])).status == 404
        assert (
            (await other.get(f"{V2}/routers")).json["routers"] == (await other.get(f"{V2}/floatingips")).json["floatingips"] == []
        )


async def test_unused_floating_ips_go_with_their_network():
    async with Lab() as lab:
        external = await lab.external()
        floating = await lab.make("floatingips", "floatingip", floating_network_id=external["id"])
        assert (await lab.admin.delete(f"{V2}/networks/{external['id']}")).status == 204
        assert (await lab.as_().get(f"{V2}/floatingips/{floating['id']}")).status == 404
