"""Ports through the API."""

import pytest

from tests.network.lab import V2, Lab, message_of, type_of


async def test_what_is_made_is_what_is_shown():
    async with Lab() as lab:
        network = await lab.network()
        made = await lab.port(
            network,
            name="n",
            description="d",
            tags=["t"],
            dns_name="Web",
            device_id="x",
            allowed_address_pairs=[{"ip_address": "10.0.0.99"}],
            extra_dhcp_opts=[{"opt_name": "150", "opt_value": "1.2.3.4"}],
        )
        assert (await lab.as_().get(f"{V2}/ports/{made['id']}")).json["port"] == made
        assert made["status"] == "DOWN" and made["mac_address"].startswith("fa:16:3e:") and len(made["security_groups"]) == 1
        assert made["dns_name"] == "web" and made["dns_assignment"][0]["fqdn"] == "web.openstacklocal."
        assert made["allowed_address_pairs"] == [{"ip_address": "10.0.0.99", "mac_address": made["mac_address"]}]
        assert "binding:host_id" not in made and made["binding:vnic_type"] == "normal"
        seen = (await lab.admin.get(f"{V2}/ports/{made['id']}")).json["port"]
        assert seen["binding:host_id"] == "" and seen["binding:vif_type"] == "unbound"


async def test_wishes_for_addresses():
    async with Lab() as lab:
        network = await lab.network()
        subnet = network["subnets"][0]

        async def ips(*wishes):
            answer = await lab.as_().post(f"{V2}/ports", {"port": {"network_id": network["id"], "fixed_ips": list(wishes)}})
            return [ip["ip_address"] for ip in answer.json["port"]["fixed_ips"]] if answer.status == 201 else type_of(answer)

        assert await ips({"ip_address": "10.0.0.50"}) == ["10.0.0.50"]
        assert await ips({"ip_address": "10.0.0.51", "subnet_id": subnet}) == ["10.0.0.51"]
        assert await ips({"subnet_id": subnet}, {"ip_address": "10.0.0.52"}) == ["10.0.0.3", "10.0.0.52"]
        assert await ips() == []
        assert await ips({"ip_address": "10.0.0.50"}) == "IpAddressAlreadyAllocated"
        assert await ips({"ip_address": "10.0.1.50"}) == "InvalidIpForNetwork"
        assert await ips({"ip_address": "10.0.1.50", "subnet_id": subnet}) == "InvalidIpForSubnet"
        assert await ips({"ip_address": "10.0.0.255"}) == "InvalidIpForNetwork"
        assert await ips({"ip_address": "fifty"}) == "HTTPBadRequest"
        assert await ips({"subnet_id": "5b1bd9cb-4bd4-4d3e-a2dc-25bf5e8e9b8d"}) == "InvalidInput"
        assert await ips({}) == "InvalidInput"
        assert await ips(*[{"subnet_id": subnet}] * 6) == "HTTPBadRequest"


async def test_changing_addresses_frees_the_others():
    async with Lab() as lab:
        network = await lab.network()
        port = await lab.port(network, fixed_ips=[{"ip_address": "10.0.0.50"}, {"ip_address": "10.0.0.51"}])

        async def change(*wishes):
            answer = await lab.as_().put(f"{V2}/ports/{port['id']}", {"port": {"fixed_ips": list(wishes)}})
            assert answer.status == 200, answer.text
            return [ip["ip_address"] for ip in answer.json["port"]["fixed_ips"]]

        assert await change({"ip_address": "10.0.0.51"}) == ["10.0.0.51"]
        await lab.port(network, fixed_ips=[{"ip_address": "10.0.0.50"}])
        assert await change({"ip_address": "10.0.0.60"}, {"ip_address": "10.0.0.51"}) == ["10.0.0.51", "10.0.0.60"]
        assert await change({"subnet_id": network["subnets"][0]}) == ["10.0.0.51"]
        assert await change() == []
        taken = await lab.as_().put(f"{V2}/ports/{port['id']}", {"port": {"fixed_ips": [{"ip_address": "10.0.0.50"}]}})
        assert taken.status == 409
        assert (await lab.as_().get(f"{V2}/ports/{port['id']}")).json["port"]["fixed_ips"] == []


async def test_mac_addresses_are_unique_on_a_network():
    async with Lab() as lab:
        one, other = await lab.network(), await lab.network()
        port = await lab.port(one, mac_address="FA-16-3E-00-00-01")
        assert port["mac_address"] == "fa:16:3e:00:00:01"
        await lab.port(other, mac_address="fa:16:3e:00:00:01")
        refused = await lab.as_().post(f"{V2}/ports", {"port": {"network_id": one["id"], "mac_address": "fa:16:3e:00:00:01"}})
        assert refused.status == 409 and type_of(refused) == "MacAddressInUse"
        assert (await lab.port(one, mac_address="11:22:33:44:55:66"))["mac_address"] == "11:22:33:44:55:66", "Neutron takes group addresses"
        for bad in ("00:00:00:00:00:00", "mac", "fa:16:3e:00:00"):
            assert (await lab.as_().post(f"{V2}/ports", {"port": {"network_id": one["id"], "mac_address": bad}})).status == 400, bad
        assert (await lab.as_().put(f"{V2}/ports/{port['id']}", {"port": {"mac_address": "fa:16:3e:00:00:09"}})).status == 403
        bound = await lab.guest(one)
        refused = await lab.admin.put(f"{V2}/ports/{bound}", {"port": {"mac_address": "fa:16:3e:00:00:09"}})
        assert refused.status == 409 and type_of(refused) == "PortBound"


async def test_security_groups_and_port_security():
    async with Lab() as lab:
        network = await lab.network()
        group = await lab.make("security-groups", "security_group", name="g")
        assert (await lab.port(network, security_groups=[]))["security_groups"] == []
        assert (await lab.port(network, security_groups=[group["id"]]))["security_groups"] == [group["id"]]
        foreign = await lab.make("security-groups", "security_group", by=lab.as_(project="p2"), name="g")
        for unknown in (foreign["id"], "5b1bd9cb-4bd4-4d3e-a2dc-25bf5e8e9b8d"):
            refused = await lab.as_().post(f"{V2}/ports", {"port": {"network_id": network["id"], "security_groups": [unknown]}})
            assert refused.status == 404 and type_of(refused) == "SecurityGroupNotFound"
        naked = await lab.port(network, port_security_enabled=False)
        assert naked["security_groups"] == []
        for fields, status in (
            ({"security_groups": [group["id"]]}, 400),
            ({"allowed_address_pairs": [{"ip_address": "10.0.0.9"}]}, 409),
        ):
            body = {"port": {"network_id": network["id"], "port_security_enabled": False, **fields}}
            assert (await lab.as_().post(f"{V2}/ports", body)).status == status
            assert (await lab.as_().put(f"{V2}/ports/{naked['id']}", {"port": fields})).status == status
        port = await lab.port(network)
        refused = await lab.as_().put(f"{V2}/ports/{port['id']}", {"port": {"port_security_enabled": False}})
        assert refused.status == 409 and type_of(refused) == "PortSecurityPortHasSecurityGroup"
        done = await lab.as_().put(f"{V2}/ports/{port['id']}", {"port": {"port_security_enabled": False, "security_groups": []}})
        assert done.status == 200 and done.json["port"]["port_security_enabled"] is False
        back = await lab.as_().put(f"{V2}/ports/{port['id']}", {"port": {"port_security_enabled": True}})
        assert len(back.json["port"]["security_groups"]) == 1
        used = await lab.as_().delete(f"{V2}/security-groups/{group['id']}")
        assert used.status == 409 and type_of(used) == "SecurityGroupInUse"


async def test_address_pairs():
    async with Lab() as lab:
        port = await lab.port(await lab.network())

        async def pairs(*wanted):
            answer = await lab.as_().put(f"{V2}/ports/{port['id']}", {"port": {"allowed_address_pairs": list(wanted)}})
            return (
                [p["ip_address"] for p in answer.json["port"]["allowed_address_pairs"]] if answer.status == 200 else type_of(answer)
            )

        assert await pairs({"ip_address": "10.0.0.0/28"}, {"ip_address": "10.0.0.9", "mac_address": "fa:16:3e:01:02:03"}) == [
            "10.0.0.0/28",
            "10.0.0.9",
        ]
        assert await pairs({"ip_address": "10.0.0.9"}, {"ip_address": "10.0.0.9"}) == "DuplicateAddressPairInRequest"
        assert await pairs({"ip_address": "x"}) == await pairs({"ip_address": "10.0.0.0/99"}) == await pairs({}) == "HTTPBadRequest"
        assert await pairs(*[{"ip_address": f"10.0.0.{i}"} for i in range(11)]) == "AllowedAddressPairExhausted"
        assert await pairs() == []


async def test_dhcp_options_are_merged():
    async with Lab() as lab:
        port = await lab.port(
            await lab.network(), extra_dhcp_opts=[{"opt_name": "a", "opt_value": "1"}, {"opt_name": "b", "opt_value": "2"}]
        )
        change = {
            "extra_dhcp_opts": [
                {"opt_name": "a", "opt_value": None},
                {"opt_name": "b", "opt_value": "3"},
                {"opt_name": "b", "opt_value": "4", "ip_version": 6},
            ]
        }
        after = (await lab.as_().put(f"{V2}/ports/{port['id']}", {"port": change})).json["port"]["extra_dhcp_opts"]
        assert [(o["opt_name"], o["opt_value"], o["ip_version"]) for o in after] == [("b", "3", 4), ("b", "4", 6)]


async def test_filters():
    async with Lab() as lab:
        network, other = await lab.network(), await lab.network(cidr="10.5.0.0/24")
        group = await lab.make("security-groups", "security_group", name="g")
        one = await lab.port(network, name="one", fixed_ips=[{"ip_address": "10.0.0.77"}], security_groups=[group["id"]])
        two = await lab.port(network, name="two", device_id="d", mac_address="fa:16:3e:00:00:02")
        await lab.port(other, name="three")

        async def found(query):
            return sorted(p["name"] for p in (await lab.as_().get(f"{V2}/ports?{query}")).json["ports"] if p["name"])

        assert await found("fixed_ips=ip_address=10.0.0.77") == ["one"] and await found(f"security_groups={group['id']}") == ["one"]
        assert await found("fixed_ips=ip_address_substr=10.5") == ["three"]
        assert await found(f"fixed_ips=subnet_id={network['subnets'][0]}") == ["one", "two"]
        assert await found(f"fixed_ips=subnet_id={network['subnets'][0]}&fixed_ips=ip_address=10.0.0.77") == ["one"]
        assert await found("device_id=d") == ["two"] and await found("device_id=") == ["one", "three"]
        assert await found(f"network_id={network['id']}&name=two") == ["two"] and await found(f"id={one['id']}&id={two['id']}") == [
            "one",
            "two",
        ]
        assert await found("mac_address=fa:16:3e:00:00:02") == ["two"] and await found("status=ACTIVE") == []


async def test_bindings_are_the_administrators():
    async with Lab() as lab:
        network = await lab.network()
        assert (await lab.as_().post(f"{V2}/ports", {"port": {"network_id": network["id"], "binding:host_id": "h1"}})).status == 403
        port = await lab.port(network, by=lab.admin, **{"binding:host_id": "h1"})
        assert port["binding:vif_type"] == "bridge" and port["binding:vif_details"]["port_filter"]
        lost = await lab.port(network, by=lab.admin, **{"binding:host_id": "nowhere"})
        assert lost["binding:vif_type"] == "binding_failed"
        moved = (await lab.admin.put(f"{V2}/ports/{port['id']}", {"port": {"binding:host_id": ""}})).json["port"]
        assert moved["binding:vif_type"] == "unbound" and moved["status"] == "DOWN"
        assert (
            await lab.as_().post(f"{V2}/ports", {"port": {"network_id": network["id"], "binding:vnic_type": "telepathy"}})
        ).status == 400


async def test_ports_of_this_service_are_not_deleted_or_moved():
    async with Lab() as lab:
        network, external = await lab.network(), await lab.external()
        router = await lab.router(*network["subnets"], external=external)
        for kind in ("router_interface", "router_gateway"):
            (port,) = (await lab.admin.get(f"{V2}/ports?device_owner=network:{kind}")).json["ports"]
            assert port["device_id"] == router["id"]
            refused = await lab.admin.delete(f"{V2}/ports/{port['id']}")
            assert refused.status == 409 and type_of(refused) == "ServicePortInUse"
            for change in ({"device_owner": "compute:x"}, {"device_id": ""}, {"binding:host_id": "h1"}):
                assert (await lab.admin.put(f"{V2}/ports/{port['id']}", {"port": change})).status == 409, change


@pytest.mark.parametrize(
    "fields",
    [
        {"network_id": "x"},
        {"nonsense": 1},
        {"fixed_ips": "10.0.0.1"},
        {"fixed_ips": [{"ip": "10.0.0.1"}]},
        {"name": "x" * 256},
        {"security_groups": "default"},
        {"admin_state_up": "up"},
        {"device_id": "a\nb"},
        {"tags": "t"},
    ],
)
async def test_bad_input_makes_nothing(fields):
    async with Lab() as lab:
        network = await lab.network()
        refused = await lab.as_().post(f"{V2}/ports", {"port": {"network_id": network["id"], **fields}})
        assert refused.status == 400 and message_of(refused)
        assert len((await lab.as_().get(f"{V2}/ports")).json["ports"]) == 1


async def test_many_at_once():
    async with Lab() as lab:
        network = await lab.network()
        body = {"ports": [{"network_id": network["id"], "name": str(i), "tags": ["t"]} for i in range(5)]}
        made = (await lab.as_().post(f"{V2}/ports", body)).json["ports"]
        assert len({p["fixed_ips"][0]["ip_address"] for p in made}) == 5 and all(p["tags"] == ["t"] for p in made)
        body["ports"].append({"network_id": network["id"], "fixed_ips": [{"ip_address": made[0]["fixed_ips"][0]["ip_address"]}]})
        assert (await lab.as_().post(f"{V2}/ports", body)).status == 409
        assert len((await lab.as_().get(f"{V2}/ports")).json["ports"]) == 6


async def test_foreign_ports():
    async with Lab() as lab:
        network = await lab.network(by=lab.admin, shared=True)
        mine, other = await lab.port(network), lab.as_(project="p2")
        for answer in (await other.get(f"{V2}/ports/{mine['id']}"), await other.delete(f"{V2}/ports/{mine['id']}"),
                       await other.put(f"{V2}/ports/{mine['id']}", {"port": {"name": "x"}})):
            assert answer.status == 404
        # On somebody else's network one may be, but choose neither address nor MAC.
        for fields in (
            {"fixed_ips": [{"ip_address": "10.0.0.9"}]},
            {"mac_address": "fa:16:3e:00:00:01"},
            {"port_security_enabled": False},
            {"allowed_address_pairs": [{"ip_address": "10.0.0.9"}]},
            {"device_owner": "network:dhcp"},
        ):
            assert (await other.post(f"{V2}/ports", {"port": {"network_id": network["id"], **fields}})).status == 403, fields
        private = await lab.network()
        assert (await other.post(f"{V2}/ports", {"port": {"network_id": private["id"]}})).status in (403, 404)
