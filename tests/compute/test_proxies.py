"""The old proxies of the network service: security groups, floating IPs, networks, and addresses of servers."""

import re

import pytest

from pileus.compute.api.proxies import ROUTES
from pileus.compute.policy.proxies import DEFAULTS
from pileus.core.http.microversion import show

COMPUTE = "/compute/v2.1"
GROUPS, RULES, FLOATING = f"{COMPUTE}/os-security-groups", f"{COMPUTE}/os-security-group-rules", f"{COMPUTE}/os-floating-ips"
NOBODY = "5b1bd9cb-4bd4-4d3e-a2dc-25bf5e8e9b8d"


async def group(member, name="g") -> str:
    got = await member.post(GROUPS, {"security_group": {"name": name, "description": "d"}})
    assert got.status == 200, got.text
    return got.json["security_group"]["id"]


# ---- all of them -------------------------------------------------------------------------------------------------------------
def test_every_route_has_a_rule_of_ours():
    assert {route.policy for route in ROUTES} <= DEFAULTS.keys()


async def test_outside_of_its_versions_a_proxy_is_not_there(cloud):
    member = await cloud.as_()
    for route in ROUTES:
        path = "/compute" + re.sub(r"{\w+}", NOBODY, route.path)
        if route.until is not None:
            late = member.with_headers(OpenStack_API_Version=f"compute {show((2, route.until[1] + 1))}")
            assert (await late.request(route.method, path, json={})).status == 404, path
            last = member.with_headers(OpenStack_API_Version=f"compute {show(route.until)}")
            got = await last.request(route.method, path, json={"surprise": 1})
            assert got.status != 404 or route.method in ("GET", "DELETE"), (path, got.text)


async def test_a_reader_reads(cloud):
    reader = (await cloud.as_()).with_headers()
    admin = await cloud.as_("pileus-admin")
    project = await cloud.project()
    user = await admin.post("/identity/v3/users", {"user": {"name": "reader", "password": "secret", "domain_id": "default"}})
    role = next(r["id"] for r in (await admin.get("/identity/v3/roles")).json["roles"] if r["name"] == "reader")
    assert (await admin.put(f"/identity/v3/projects/{project}/users/{user.json['user']['id']}/roles/{role}")).status == 204
    body = {"auth": {"scope": {"project": {"id": project}}, "identity": {"methods": ["password"], "password": {
        "user": {"id": user.json["user"]["id"], "password": "secret"}}}}}
    reader.token = (await reader.post("/identity/v3/auth/tokens", body)).headers["x-subject-token"]
    for route in (r for r in ROUTES if "baremetal" not in r.path):       # those are for administrators
        path = "/compute" + re.sub(r"{\w+}", NOBODY, route.path)
        bodies = {"POST": {}, "PUT": {}}
        got = await reader.request(route.method, path, json=bodies.get(route.method))
        assert (got.status == 403) == (route.method != "GET"), f"{route.method} {path}: {got.text}"


# ---- security groups ---------------------------------------------------------------------------------------------------------
async def test_a_security_group_from_create_to_delete(cloud):
    member = await cloud.as_()
    got = await member.post(GROUPS, {"security_group": {"name": " web ", "description": "of the web"}})
    made = got.json["security_group"]
    assert got.status == 200 and made == {"id": made["id"], "name": " web ", "description": "of the web", "rules": [],
                                          "tenant_id": await cloud.project()}
    assert (await member.get(f"{GROUPS}/{made['id']}")).json == {"security_group": made}
    assert made in (await member.get(GROUPS)).json["security_groups"]
    changed = await member.put(f"{GROUPS}/{made['id']}", {"security_group": {"name": "w", "description": ""}})
    assert changed.status == 200 and changed.json["security_group"] == made | {"name": "w", "description": ""}
    assert (await member.delete(f"{GROUPS}/{made['id']}")).status == 202
    assert (await member.get(f"{GROUPS}/{made['id']}")).status == 404


async def test_the_list_is_of_one_project(cloud):
    member, other, admin = await cloud.as_(), await cloud.as_("pileus-alt"), await cloud.as_("pileus-admin")
    mine, theirs = await group(member), await group(other)

    async def listed(caller, query=""):
        return {g["id"] for g in (await caller.get(GROUPS + query)).json["security_groups"]}

    assert mine in await listed(member) and theirs not in await listed(member)
    assert theirs not in await listed(member, "?all_tenants=1")
    assert not {mine, theirs} & await listed(admin)
    assert {mine, theirs} <= await listed(admin, "?all_tenants=true")
    assert len(await listed(member, "?limit=1")) == 1
    assert (await member.get(GROUPS + "?limit=x")).status == 400


async def test_somebody_elses_group_is_not_found(cloud):
    mine, other = await group(await cloud.as_()), await cloud.as_("pileus-alt")
    text = {"security_group": {"name": "n", "description": ""}}
    rule = {"security_group_rule": {"parent_group_id": mine, "ip_protocol": "tcp", "from_port": 1, "to_port": 1}}
    assert (await other.get(f"{GROUPS}/{mine}")).status == 404
    assert (await other.put(f"{GROUPS}/{mine}", text)).status == 404
    assert (await other.delete(f"{GROUPS}/{mine}")).status == 404
    assert (await other.post(RULES, rule)).status == 404


@pytest.mark.parametrize("text", [
    {"name": "x" * 256, "description": ""}, {"name": 1, "description": ""}, {"name": "x"}, {"name": "x", "description": None},
    {"name": "default", "description": ""},
])
async def test_bad_groups_are_refused(cloud, text):
    member = await cloud.as_()
    before = (await member.get(GROUPS)).json
    got = await member.post(GROUPS, {"security_group": text})
    assert got.status == 400 and got.json["badRequest"]["message"]
    assert (await member.get(GROUPS)).json == before


async def test_ids_that_are_none(cloud):
    member = await cloud.as_()
    assert (await member.get(f"{GROUPS}/x")).status == 400
    assert (await member.get(f"{GROUPS}/{NOBODY}")).status == 404
    assert (await member.delete(f"{RULES}/{NOBODY}")).status == 404
    assert (await member.delete(f"{GROUPS}/")).status == 404


async def test_a_default_group_and_one_in_use_cannot_be_deleted(cloud):
    member = await cloud.as_()
    default = next(g for g in (await member.get(GROUPS)).json["security_groups"] if g["name"] == "default")
    assert (await member.delete(f"{GROUPS}/{default['id']}")).status == 400
    used = await group(member, "used")
    server = await cloud.boot(networks=[{"uuid": await cloud.network()}])
    assert (await cloud.act(server, "addSecurityGroup", {"name": "used"})).status == 202
    assert (await member.delete(f"{GROUPS}/{used}")).status == 400
    shown = (await member.get(f"{COMPUTE}/servers/{server}/os-security-groups")).json["security_groups"]
    assert [g["name"] for g in shown] == ["default", "used"]


async def test_over_quota_is_forbidden(cloud):
    admin, member = await cloud.as_("pileus-admin"), await cloud.as_()
    project = await cloud.project()
    quota = {"security_group": 1, "security_group_rule": 0, "floatingip": 0}
    assert (await admin.put(f"/network/v2.0/quotas/{project}", {"quota": quota})).status == 200
    default = (await member.get(GROUPS)).json["security_groups"][0]["id"]
    assert (await member.post(GROUPS, {"security_group": {"name": "n", "description": ""}})).status == 403
    rule = {"parent_group_id": default, "ip_protocol": "tcp", "from_port": 1, "to_port": 1}
    assert (await member.post(RULES, {"security_group_rule": rule})).status == 403
    assert (await member.post(FLOATING, {})).status == 403


# ---- rules -------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("asked, shown", [
    ({"ip_protocol": "tcp", "from_port": 22, "to_port": "22"}, {"ip_protocol": "tcp", "from_port": 22, "to_port": 22}),
    ({"ip_protocol": "TCP", "from_port": 1, "to_port": 9}, {"ip_protocol": "tcp", "from_port": 1, "to_port": 9}),
    ({"ip_protocol": "icmp", "from_port": -1, "to_port": -1}, {"ip_protocol": "icmp", "from_port": -1, "to_port": -1}),
    ({"ip_protocol": "icmp", "from_port": 8, "to_port": 0}, {"ip_protocol": "icmp", "from_port": 8, "to_port": 0}),
    ({"ip_protocol": "udp", "from_port": 53, "to_port": 53, "cidr": "10.2.3.4/24"}, {"ip_range": {"cidr": "10.2.3.4/24"}}),
    ({"ip_protocol": "udp", "from_port": 53, "to_port": 53, "cidr": "fd00::/8"}, {"ip_range": {"cidr": "fd00::/8"}}),
])
async def test_a_rule_from_create_to_delete(cloud, asked, shown):
    member = await cloud.as_()
    parent = await group(member)
    got = await member.post(RULES, {"security_group_rule": {"parent_group_id": parent} | asked})
    assert got.status == 200, got.text
    rule = got.json["security_group_rule"]
    assert rule == {"ip_range": {"cidr": "0.0.0.0/0"}} | rule | {"group": {}, "parent_group_id": parent} | shown
    assert (await member.get(f"{GROUPS}/{parent}")).json["security_group"]["rules"] == [rule]
    assert (await member.delete(f"{RULES}/{rule['id']}")).status == 202
    assert (await member.get(f"{GROUPS}/{parent}")).json["security_group"]["rules"] == []


async def test_a_rule_with_a_source_group(cloud):
    member = await cloud.as_()
    parent, source = await group(member, "parent"), await group(member, "source")
    for asked, ports in (({}, (None, None)), ({"ip_protocol": "tcp"}, (1, 65535)), ({"ip_protocol": "icmp"}, (-1, -1))):
        got = await member.post(RULES, {"security_group_rule": {"parent_group_id": parent, "group_id": source} | asked})
        rule = got.json["security_group_rule"]
        assert rule["group"] == {"name": "source", "tenant_id": await cloud.project()} and rule["ip_range"] == {}
        assert (rule["from_port"], rule["to_port"]) == ports
    assert len((await member.get(f"{GROUPS}/{parent}")).json["security_group"]["rules"]) == 3
    assert (await member.delete(f"{GROUPS}/{source}")).status == 202
    assert (await member.get(f"{GROUPS}/{parent}")).json["security_group"]["rules"] == []


async def test_a_source_group_that_one_cannot_see_is_not_told(cloud):
    member, admin = await cloud.as_(), await cloud.as_("pileus-admin")
    parent, source = await group(member, "parent"), await group(admin, "source")
    rule = {"security_group_rule": {"parent_group_id": parent, "group_id": source, "ip_protocol": "tcp"}}
    assert (await member.post(RULES, rule)).status == 404
    assert (await admin.post(RULES, rule)).status == 200
    assert (await member.get(f"{GROUPS}/{parent}")).json["security_group"]["rules"] == []
    assert (await admin.get(f"{GROUPS}/{parent}")).json["security_group"]["rules"][0]["group"]["name"] == "source"


@pytest.mark.parametrize("asked", [
    {"ip_protocol": "tcp", "from_port": 22, "to_port": 21}, {"ip_protocol": "tcp", "from_port": 65536, "to_port": 65536},
    {"ip_protocol": "tcp", "from_port": 0, "to_port": 1}, {"ip_protocol": "tcp", "from_port": "x", "to_port": 1},
    {"ip_protocol": "icmp", "from_port": 256, "to_port": 0}, {"ip_protocol": "icmp", "from_port": -2, "to_port": 0},
    {"ip_protocol": "gre", "from_port": 1, "to_port": 1}, {"ip_protocol": "tcp"}, {"from_port": 1, "to_port": 1}, {},
    {"ip_protocol": "tcp", "from_port": 1, "to_port": 1, "cidr": "10.0.0.0/33"},
    {"ip_protocol": "tcp", "from_port": 1, "to_port": 1, "cidr": "x"},
    {"ip_protocol": "tcp", "from_port": 1, "to_port": 1, "group_id": "x"},
    {"ip_protocol": "gre", "group_id": NOBODY},
])
async def test_bad_rules_are_refused(cloud, asked):
    member = await cloud.as_()
    parent = await group(member)
    got = await member.post(RULES, {"security_group_rule": {"parent_group_id": parent} | asked})
    assert got.status == 400 and got.json["badRequest"]["message"]
    assert (await member.get(f"{GROUPS}/{parent}")).json["security_group"]["rules"] == []


async def test_a_rule_twice_or_of_no_group(cloud):
    member = await cloud.as_()
    rule = {"parent_group_id": await group(member), "ip_protocol": "tcp", "from_port": 1, "to_port": 1}
    assert (await member.post(RULES, {"security_group_rule": rule})).status == 200
    assert (await member.post(RULES, {"security_group_rule": rule})).status == 400
    assert (await member.post(RULES, {"security_group_rule": rule | {"parent_group_id": NOBODY}})).status == 404
    assert (await member.post(RULES, {"security_group_rule": rule | {"parent_group_id": "x"}})).status == 400


# ---- floating IPs ------------------------------------------------------------------------------------------------------------
async def test_a_floating_ip_from_create_to_delete(cloud):
    member = await cloud.as_()
    assert (await member.get(f"{COMPUTE}/os-floating-ip-pools")).json == {"floating_ip_pools": [{"name": "public"}]}
    for asked in ({}, {"pool": "public"}, {"pool": await cloud.network("public")}, None):
        got = await member.post(FLOATING, asked)
        made = got.json["floating_ip"]
        assert got.status == 200 and made == {"id": made["id"], "ip": made["ip"], "pool": "public", "fixed_ip": None, "instance_id": None}
        assert (await member.get(f"{FLOATING}/{made['id']}")).json == {"floating_ip": made}
        assert (await member.get(FLOATING)).json == {"floating_ips": [made]}
        assert (await (await cloud.as_("pileus-alt")).get(f"{FLOATING}/{made['id']}")).status == 404
        assert (await (await cloud.as_("pileus-admin")).get(FLOATING)).json == {"floating_ips": []}
        assert (await member.delete(f"{FLOATING}/{made['id']}")).status == 202
        assert (await member.get(f"{FLOATING}/{made['id']}")).status == 404
    assert (await member.post(FLOATING, {"pool": "none"})).status == 404
    assert (await member.delete(f"{FLOATING}/{NOBODY}")).status == 404
    assert (await member.delete(f"{FLOATING}/x")).status == 400


async def test_a_pool_that_is_empty(cloud):
    admin = await cloud.as_("pileus-admin")
    network = (await admin.post("/network/v2.0/networks", {"network": {"name": "tiny", "router:external": True}})).json["network"]["id"]
    assert (await admin.post(FLOATING, {"pool": "tiny"})).status == 404
    subnet = {"network_id": network, "cidr": "198.51.100.0/30", "ip_version": 4, "enable_dhcp": False}
    assert (await admin.post("/network/v2.0/subnets", {"subnet": subnet})).status == 201
    assert (await admin.post(FLOATING, {"pool": "tiny"})).status == 200
    got = await admin.post(FLOATING, {"pool": "tiny"})
    assert got.status == 404 and "tiny" in got.json["itemNotFound"]["message"]


async def test_a_floating_ip_goes_to_a_server_and_to_another(cloud):
    member, net = await cloud.as_(), [{"uuid": await cloud.network()}]
    one, two = await cloud.boot(networks=net), await cloud.boot(networks=net)
    floating = (await member.post(FLOATING, {})).json["floating_ip"]

    async def holder():
        return (await member.get(f"{FLOATING}/{floating['id']}")).json["floating_ip"]

    assert (await cloud.act(one, "addFloatingIp", {"address": floating["ip"]}, version="2.43")).status == 202
    fixed = next(a["addr"] for a in (await cloud.show(one))["addresses"]["private"] if a["OS-EXT-IPS:type"] == "fixed")
    assert await holder() == floating | {"instance_id": one, "fixed_ip": fixed}
    assert floating["ip"] in [a["addr"] for a in (await cloud.show(one))["addresses"]["private"]]
    assert (await cloud.act(two, "addFloatingIp", {"address": floating["ip"]}, version="2.43")).status == 202
    assert (await holder())["instance_id"] == two
    assert (await cloud.act(one, "removeFloatingIp", {"address": floating["ip"]}, version="2.43")).status == 409
    assert (await cloud.act(two, "removeFloatingIp", {"address": floating["ip"]}, version="2.43")).status == 202
    assert await holder() == floating


async def test_a_second_floating_ip_for_one_address_is_refused(cloud):
    member = await cloud.as_()
    server = await cloud.boot(networks=[{"uuid": await cloud.network()}])
    one, two = [(await member.post(FLOATING, {})).json["floating_ip"]["ip"] for _ in range(2)]
    assert (await cloud.act(server, "addFloatingIp", {"address": one}, version="2.1")).status == 202
    assert (await cloud.act(server, "addFloatingIp", {"address": two}, version="2.1")).status == 400


@pytest.mark.parametrize("body, status", [
    ({"address": "0.0.0.0"}, 404), ({"address": ""}, 400), ({}, 400), ({"address": "10.0.0.1", "surprise": 1}, 400),
])
async def test_floating_ips_there_are_none_of(cloud, body, status):
    server = await cloud.boot(networks=[{"uuid": await cloud.network()}])
    assert (await cloud.act(server, "addFloatingIp", body, version="2.1")).status == status
    assert (await cloud.act(server, "removeFloatingIp", body, version="2.1")).status == status


async def test_a_floating_ip_needs_a_fixed_address_of_the_server(cloud):
    member = await cloud.as_()
    address = (await member.post(FLOATING, {})).json["floating_ip"]["ip"]
    without, server = await cloud.boot(), await cloud.boot(networks=[{"uuid": await cloud.network()}])
    assert (await cloud.act(without, "addFloatingIp", {"address": address}, version="2.1")).status == 400
    assert (await cloud.act(server, "addFloatingIp", {"address": address, "fixed_address": "192.0.2.1"}, version="2.1")).status == 400
    assert (await cloud.act(server, "addFloatingIp", {"address": address}, version="2.44")).status == 404


async def test_nobody_gives_away_somebody_elses_floating_ip(cloud):
    address = (await (await cloud.as_("pileus-alt")).post(FLOATING, {})).json["floating_ip"]["ip"]
    server = await cloud.boot(networks=[{"uuid": await cloud.network()}])
    assert (await cloud.act(server, "addFloatingIp", {"address": address}, version="2.1")).status == 404
    assert (await cloud.act(server, "addFloatingIp", {"address": address}, "pileus-alt", version="2.1")).status == 404


# ---- fixed addresses ---------------------------------------------------------------------------------------------------------
async def test_one_more_fixed_address_and_one_less(cloud):
    network = await cloud.network()
    server = await cloud.boot(networks=[{"uuid": network}])

    async def addresses():
        return [a["addr"] for a in (await cloud.show(server))["addresses"].get("private", [])]

    first = await addresses()
    assert (await cloud.act(server, "addFixedIp", {"networkId": network}, version="2.43")).status == 202
    assert len(await addresses()) == 2 and (await addresses())[:1] == first
    assert (await cloud.act(server, "removeFixedIp", {"address": first[0]}, version="2.43")).status == 202
    assert len(await addresses()) == 1 and first[0] not in await addresses()
    assert (await cloud.act(server, "removeFixedIp", {"address": first[0]}, version="2.43")).status == 400
    assert (await cloud.act(server, "addFixedIp", {"networkId": NOBODY}, version="2.43")).status == 404
    assert (await cloud.act(server, "addFixedIp", {"networkId": network}, version="2.44")).status == 404
    assert (await cloud.act(server, "addFixedIp", {"networkId": network}, "pileus-alt", version="2.43")).status == 404
    await cloud.act(server, "lock")
    assert (await cloud.act(server, "addFixedIp", {"networkId": network}, version="2.43")).status == 409


# ---- networks ----------------------------------------------------------------------------------------------------------------
async def test_networks(cloud):
    member, admin, private = await cloud.as_(), await cloud.as_("pileus-admin"), await cloud.network()
    found = (await member.get(f"{COMPUTE}/os-networks")).json["networks"]
    assert {n["label"] for n in found} == {"private", "public"} and "vlan" not in found[0]
    one = (await member.get(f"{COMPUTE}/os-networks/{private}")).json["network"]
    assert one in found and one["label"] == "private" and one["cidr"] is None
    assert "vlan" in (await admin.get(f"{COMPUTE}/os-networks/{private}")).json["network"]
    tenant = (await member.get(f"{COMPUTE}/os-tenant-networks/{private}")).json["network"]
    assert tenant == {"id": private, "label": "private", "cidr": "None"}
    assert tenant in (await member.get(f"{COMPUTE}/os-tenant-networks")).json["networks"]
    for path in ("os-networks", "os-tenant-networks"):
        assert (await (await cloud.as_("pileus-alt")).get(f"{COMPUTE}/{path}/{private}")).status == 404
