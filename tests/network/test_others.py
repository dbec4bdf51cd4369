"""Quotas, tags, RBAC policies, extensions, agents, zones, availability of addresses, versions."""

import pytest

from tests.network.lab import V2, Lab, message_of, type_of


async def test_versions_and_resources():
    async with Lab() as lab:
        versions = await lab.http.anonymous().get("/network/")
        assert versions.status == 200 and set(versions.json) == {"versions"} and versions.json["versions"][0]["id"] == "v2.0"
        assert versions.json == (await lab.http.anonymous().get("/network")).json
        for path in (V2, V2 + "/"):
            names = {r["name"] for r in (await lab.as_().get(path)).json["resources"]}
            assert {"network", "subnet", "port"} <= names
        assert (await lab.as_().get(f"{V2}/service-providers")).json == {"service_providers": []}
        nowhere = await lab.as_().get(f"{V2}/nowhere")
        assert nowhere.status == 404 and type_of(nowhere) == "HTTPNotFound"


async def test_extensions():
    async with Lab() as lab:
        every = (await lab.as_().get(f"{V2}/extensions")).json["extensions"]
        assert len({e["alias"] for e in every}) == len(every) > 30
        for one in every:
            assert set(one) == {"alias", "name", "description", "updated", "links"} and all(one[k] for k in one if k != "links")
            assert (await lab.as_().get(f"{V2}/extensions/{one['alias']}")).json["extension"] == one
        assert (await lab.as_().get(f"{V2}/extensions/teleport")).status == 404


# ---- quotas --------------------------------------------------------------------------------------------------------------
async def test_quotas_are_shown_changed_and_reset():
    async with Lab() as lab:
        manager = lab.as_("manager")
        assert (await manager.get(f"{V2}/quotas/p1")).json["quota"]["network"] == 100
        assert (await lab.as_().get(f"{V2}/quotas/p1")).status == 403 and (await manager.get(f"{V2}/quotas/p2")).status == 403
        assert (await manager.put(f"{V2}/quotas/p1", {"quota": {"network": 1}})).status == 403
        changed = await lab.admin.put(f"{V2}/quotas/p1", {"quota": {"network": "2", "port": -1, "tenant_id": "p1"}})
        assert (
            changed.json["quota"]["network"] == 2 and changed.json["quota"]["port"] == -1 and changed.json["quota"]["subnet"] == 100
        )
        assert [q["project_id"] for q in (await lab.admin.get(f"{V2}/quotas")).json["quotas"]] == ["p1"]
        for bad in ({"network": -2}, {"network": "many"}, {"network": 1.5}, {"network": True}, {"dragons": 1}):
            assert (await lab.admin.put(f"{V2}/quotas/p1", {"quota": bad})).status == 400, bad
        await lab.network()
        for path in ("details", "details.json"):
            assert (await manager.get(f"{V2}/quotas/p1/{path}")).json["quota"]["network"] == {"limit": 2, "used": 1, "reserved": 0}
        assert (await manager.get(f"{V2}/quotas/p1/default")).json["quota"]["network"] == 100
        assert (await lab.as_().get(f"{V2}/quotas/tenant")).json["tenant"]["tenant_id"] == "p1"
        assert (await lab.admin.delete(f"{V2}/quotas/p1")).status == 204
        assert (await manager.get(f"{V2}/quotas/p1")).json["quota"]["network"] == 100


async def test_quotas_are_kept():
    async with Lab() as lab:
        network, external = await lab.network(), await lab.external()
        group = await lab.make("security-groups", "security_group", name="g")
        used = (await lab.as_("manager").get(f"{V2}/quotas/p1/details")).json["quota"]
        await lab.admin.put(f"{V2}/quotas/p1", {"quota": {name: used[name]["used"] for name in used}})
        orders = {
            "networks": {"network": {}},
            "subnets": {"subnet": {"network_id": network["id"], "ip_version": 4, "cidr": "10.6.0.0/24"}},
            "ports": {"port": {"network_id": network["id"]}},
            "routers": {"router": {}},
            "subnetpools": {"subnetpool": {"prefixes": ["10.0.0.0/8"]}},
            "floatingips": {"floatingip": {"floating_network_id": external["id"]}},
            "security-groups": {"security_group": {"name": "h"}},
            "security-group-rules": {"security_group_rule": {"security_group_id": group["id"], "direction": "ingress"}},
            "rbac-policies": {
                "rbac_policy": {
                    "object_type": "network",
                    "object_id": network["id"],
                    "action": "access_as_shared",
                    "target_tenant": "p2",
                }
            },
        }
        for collection, body in orders.items():
            refused = await lab.as_().post(f"{V2}/{collection}", body)
            assert refused.status == 409 and type_of(refused) == "OverQuota", (collection, refused.text)
        after = (await lab.as_("manager").get(f"{V2}/quotas/p1/details")).json["quota"]
        assert {name: after[name]["used"] for name in after} == {name: used[name]["used"] for name in used}
        assert (await lab.as_().post(f"{V2}/ports", {"ports": [{"network_id": network["id"]}] * 2})).status == 409


# ---- tags ----------------------------------------------------------------------------------------------------------------
async def test_tags_of_everything():
    async with Lab() as lab:
        external, network = await lab.external(), await lab.network()
        made = {
            "networks": network,
            "subnets": {"id": network["subnets"][0]},
            "ports": await lab.port(network),
            "routers": await lab.router(),
            "subnetpools": await lab.make("subnetpools", "subnetpool", prefixes=["10.0.0.0/8"]),
            "floatingips": await lab.make("floatingips", "floatingip", floating_network_id=external["id"]),
            "security-groups": await lab.make("security-groups", "security_group", name="g"),
        }
        member, other = lab.as_(), lab.as_(project="p2")
        for collection, resource in made.items():
            url = f"{V2}/{collection}/{resource['id']}/tags"
            assert (await member.put(url, {"tags": ["b", "a", "a"]})).json == {"tags": ["a", "b"]}
            assert (await member.put(f"{url}/c")).status == 201 and (await member.put(f"{url}/c")).status == 201
            assert (await member.get(url)).json == {"tags": ["a", "b", "c"]}
            shown = await member.get(f"{url}/c")
            assert shown.status == 204 and shown.text == ""
            missing = await member.get(f"{url}/z")
            assert missing.status == 404 and type_of(missing) == "TagNotFound"
            assert (await member.delete(f"{url}/a")).status == 204 and (await member.delete(f"{url}/a")).status == 404
            assert (await member.post(url, {"tags": ["b", "d"]})).json == {"tags": ["b", "c", "d"]}
            assert [r["id"] for r in (await member.get(f"{V2}/{collection}?tags=b,d")).json[collection.replace("-", "_")]] == [
                resource["id"]
            ]
            assert (await member.put(url, {"tags": [str(i) for i in range(51)]})).status == 400
            assert (await member.put(url, {"tags": ["x" * 256]})).status == 400 and (
                await member.put(url, {"tags": "x"})
            ).status == 400
            assert (await member.delete(url)).status == 204 and (await member.get(url)).json == {"tags": []}
            for answer in (
                await other.get(url),
                await other.put(f"{url}/t"),
                await other.put(url, {"tags": ["t"]}),
                await other.delete(url),
            ):
                assert answer.status == 404


# ---- sharing -------------------------------------------------------------------------------------------------------------
async def test_a_network_is_shared_with_one_project():
    async with Lab() as lab:
        network, friend, stranger = await lab.network(), lab.as_(project="p2"), lab.as_(project="p3")
        order = {"object_type": "network", "object_id": network["id"], "action": "access_as_shared", "target_tenant": "p2"}
        policy = await lab.make("rbac-policies", "rbac_policy", **order)
        assert (await friend.get(f"{V2}/networks/{network['id']}")).json["network"]["shared"] is True
        assert (await lab.as_().get(f"{V2}/networks/{network['id']}")).json["network"]["shared"] is False
        assert len((await friend.get(f"{V2}/subnets")).json["subnets"]) == 1
        assert (await stranger.get(f"{V2}/networks/{network['id']}")).status == 404
        again = await lab.as_().post(f"{V2}/rbac-policies", {"rbac_policy": order})
        assert again.status == 409 and type_of(again) == "DuplicateRbacPolicy"
        port = await lab.port(network, by=friend)
        url = f"{V2}/rbac-policies/{policy['id']}"
        used = await lab.as_().delete(url)
        assert used.status == 409 and type_of(used) == "RbacPolicyInUse"
        assert (await friend.get(url)).status == 404
        await friend.delete(f"{V2}/ports/{port['id']}")
        assert (await lab.as_().put(url, {"rbac_policy": {"target_tenant": "p3"}})).json["rbac_policy"]["target_tenant"] == "p3"
        assert (await stranger.get(f"{V2}/networks/{network['id']}")).status == 200 and (
            await friend.get(f"{V2}/networks/{network['id']}")
        ).status == 404
        assert (await lab.as_().delete(url)).status == 204
        assert (await stranger.get(f"{V2}/networks/{network['id']}")).status == 404


async def test_only_administrators_share_with_everybody():
    async with Lab() as lab:
        network = await lab.network()
        for action in ("access_as_shared", "access_as_external"):
            order = {"object_type": "network", "object_id": network["id"], "action": action, "target_tenant": "*"}
            assert (await lab.as_().post(f"{V2}/rbac-policies", {"rbac_policy": order})).status == 403
            assert (
                await lab.as_(project="p2").post(f"{V2}/rbac-policies", {"rbac_policy": order | {"target_tenant": "p2"}})
            ).status == 404
            policy = await lab.make("rbac-policies", "rbac_policy", by=lab.admin, **order)
            shown = (await lab.as_(project="p2").get(f"{V2}/networks/{network['id']}")).json["network"]
            assert shown["shared"] is (action == "access_as_shared") and shown["router:external"] is (
                action == "access_as_external"
            )
            assert (await lab.admin.delete(f"{V2}/rbac-policies/{policy['id']}")).status == 204
            assert (await lab.as_(project="p2").get(f"{V2}/networks/{network['id']}")).status == 404
        shared = await lab.network(by=lab.admin, shared=True)
        found = (await lab.admin.get(f"{V2}/rbac-policies?object_id={shared['id']}")).json["rbac_policies"]
        assert [(p["action"], p["target_tenant"]) for p in found] == [("access_as_shared", "*")]


# ---- agents, zones, availability -----------------------------------------------------------------------------------------
async def test_agents_are_the_administrators():
    async with Lab("h1", "h2") as lab:
        agents = (await lab.admin.get(f"{V2}/agents?sort_key=host")).json["agents"]
        assert [a["host"] for a in agents] == ["h1", "h2"] and all(a["alive"] and a["admin_state_up"] for a in agents)
        url = f"{V2}/agents/{agents[0]['id']}"
        assert (await lab.as_().get(f"{V2}/agents")).json == {"agents": []} and (await lab.as_().get(url)).status == 403
        assert [a["host"] for a in (await lab.admin.get(f"{V2}/agents?host=h2&alive=true")).json["agents"]] == ["h2"]
        assert (await lab.admin.put(url, {"agent": {"description": "d", "admin_state_up": False}})).json["agent"][
            "description"
        ] == "d"
        living = await lab.admin.delete(url)
        assert living.status == 409
        assert (await lab.admin.get(f"{V2}/agents/none")).status == 404
        zones = (await lab.as_().get(f"{V2}/availability_zones")).json["availability_zones"]
        assert {(z["name"], z["resource"], z["state"]) for z in zones} == {
            ("nova", "network", "available"),
            ("nova", "router", "available"),
        }


async def test_how_many_addresses_are_used():
    async with Lab() as lab:
        network = await lab.network()
        await lab.port(network)
        found = (await lab.admin.get(f"{V2}/network-ip-availabilities?network_name=net")).json["network_ip_availabilities"]
        assert [(n["network_id"], n["total_ips"], n["used_ips"]) for n in found] == [(network["id"], 253, 2)]
        one = (await lab.admin.get(f"{V2}/network-ip-availabilities/{network['id']}")).json["network_ip_availability"]
        assert one == found[0] and one["subnet_ip_availability"][0]["cidr"] == "10.0.0.0/24"
        assert (await lab.as_().get(f"{V2}/network-ip-availabilities")).json == {"network_ip_availabilities": []}
        assert (await lab.as_().get(f"{V2}/network-ip-availabilities/{network['id']}")).status == 403


async def test_bootstrap_may_be_repeated():
    from pileus.core.context import Context

    who = Context(user_id="u", project_id="p1", roles=frozenset({"member", "reader"}))
    async with Lab() as lab:
        for _ in range(2):
            await lab.net.ensure_external_network("public", "172.24.4.0/24", "br-ex")
            await lab.net.ensure_private_network(who, "private", "10.11.12.0/24", router="router", external="public")
        networks = (await lab.admin.get(f"{V2}/networks")).json["networks"]
        assert sorted(n["name"] for n in networks) == ["private", "public"]
        assert next(n for n in networks if n["name"] == "public")["provider:physical_network"] == "br-ex"
        await lab.settle()
        wanted = lab.wanted()
        assert (
            {n.physical for n in wanted.networks} == {None, "br-ex"}
            and len(wanted.routers) == 1
            and wanted.routers[0].gateway is not None
        )


@pytest.mark.parametrize("raw", [b"{", b"\xff", b"[]", b"null", b'{"network": []}', b'{"network": {"name": 1}}'])
async def test_malformed_bodies(raw):
    async with Lab() as lab:
        refused = await lab.as_().post(f"{V2}/networks", body=raw)
        assert refused.status == 400 and type_of(refused) == "HTTPBadRequest" and message_of(refused)
