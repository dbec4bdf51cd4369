"""Networks through the API."""

from tests.network.lab import V2, Lab, message_of, type_of


async def test_create_show_update_delete():
    async with Lab() as lab:
        member = lab.as_()
        made = await lab.make("networks", "network", name="one", description="d", tags=["b", "a"])
        assert made["status"] == "ACTIVE" and made["admin_state_up"] and made["mtu"] == 1450 and made["tags"] == ["a", "b"]
        assert (
            made["project_id"] == made["tenant_id"] == "p1"
            and made["subnets"] == []
            and not made["shared"]
            and not made["router:external"]
        )
        assert "provider:network_type" not in made
        assert (await member.get(f"{V2}/networks/{made['id']}")).json["network"] == made
        changed = await member.put(
            f"{V2}/networks/{made['id']}", {"network": {"name": "two", "mtu": "1400", "admin_state_up": False}}
        )
        assert changed.status == 200 and changed.json["network"]["name"] == "two" and changed.json["network"]["mtu"] == 1400
        assert changed.json["network"]["revision_number"] == made["revision_number"] + 1
        assert (await member.delete(f"{V2}/networks/{made['id']}")).status == 204
        gone = await member.get(f"{V2}/networks/{made['id']}")
        assert gone.status == 404 and type_of(gone) == "NetworkNotFound" and gone.json["NeutronError"]["detail"] == ""


async def test_somebody_elses_network_is_not_there():
    async with Lab() as lab:
        made, other = await lab.network(), lab.as_(project="p2")
        for answer in (await other.get(f"{V2}/networks/{made['id']}"), await other.delete(f"{V2}/networks/{made['id']}"),
                       await other.put(f"{V2}/networks/{made['id']}", {"network": {"name": "x"}})):
            assert answer.status == 404
        assert (await other.get(f"{V2}/networks")).json == {"networks": []}
        assert len((await lab.admin.get(f"{V2}/networks")).json["networks"]) == 1


async def test_a_shared_network_is_seen_by_all_and_changed_by_its_owner_only():
    async with Lab() as lab:
        made, other = await lab.network(by=lab.admin, shared=True), lab.as_(project="p2")
        assert (await other.get(f"{V2}/networks/{made['id']}")).json["network"]["shared"] is True
        assert len((await other.get(f"{V2}/subnets")).json["subnets"]) == 1
        assert (await other.put(f"{V2}/networks/{made['id']}", {"network": {"name": "x"}})).status == 403
        assert (await other.delete(f"{V2}/networks/{made['id']}")).status == 403
        await lab.port(made, by=other)
        refused = await lab.admin.put(f"{V2}/networks/{made['id']}", {"network": {"shared": False}})
        assert refused.status == 409 and type_of(refused) == "InvalidSharedSetting"


async def test_only_administrators_share_and_provide():
    async with Lab() as lab:
        for field, value in (
            ("shared", True),
            ("router:external", True),
            ("provider:network_type", "vxlan"),
            ("provider:segmentation_id", 7),
        ):
            refused = await lab.as_().post(f"{V2}/networks", {"network": {"name": "n", field: value}})
            assert refused.status == 403 and type_of(refused) == "PolicyNotAuthorized", field
        made = await lab.make(
            "networks", "network", by=lab.admin, name="n", **{"provider:network_type": "vxlan", "provider:segmentation_id": 7}
        )
        assert made["provider:network_type"] == "vxlan" and made["provider:segmentation_id"] == 7
        again = await lab.admin.post(
            f"{V2}/networks", {"network": {"provider:network_type": "vxlan", "provider:segmentation_id": 7}}
        )
        assert again.status == 409 and type_of(again) == "TunnelIdInUse"


async def test_one_flat_network_per_bridge():
    async with Lab() as lab:
        flat = {"provider:network_type": "flat", "provider:physical_network": "br-ex"}
        assert (await lab.make("networks", "network", by=lab.admin, **flat))["mtu"] == 1500
        refused = await lab.admin.post(f"{V2}/networks", {"network": flat})
        assert refused.status == 409 and type_of(refused) == "FlatNetworkInUse"
        refused = await lab.admin.post(f"{V2}/networks", {"network": {"provider:network_type": "vlan"}})
        assert refused.status == 400 and "vlan" in message_of(refused)


async def test_many_at_once_are_all_or_none():
    async with Lab() as lab:
        made = await lab.as_().post(f"{V2}/networks", {"networks": [{"name": "a"}, {"name": "b"}]})
        assert made.status == 201 and [n["name"] for n in made.json["networks"]] == ["a", "b"]
        refused = await lab.as_().post(f"{V2}/networks", {"networks": [{"name": "c"}, {"name": "d", "mtu": 9999}]})
        assert refused.status == 400
        assert len((await lab.as_().get(f"{V2}/networks")).json["networks"]) == 2
        for body in ({"networks": []}, {}, {"network": {}, "networks": [{}]}):
            assert (await lab.as_().post(f"{V2}/networks", body)).status == 400


async def test_bad_input_changes_nothing():
    async with Lab() as lab:
        for fields in ({"name": 1}, {"name": "x" * 256}, {"nonsense": 1}, {"mtu": -1}, {"mtu": 60}, {"admin_state_up": "perhaps"},
                       {"availability_zone_hints": ["mars"]}, {"tags": [""]}, {"tags": ["x" * 256]}):
            refused = await lab.as_().post(f"{V2}/networks", {"network": fields})
            assert refused.status == 400, fields
        assert (await lab.as_().post(f"{V2}/networks", body=b"{")).status == 400
        assert (await lab.as_().get(f"{V2}/networks")).json["networks"] == []


async def test_a_network_with_ports_stays():
    async with Lab() as lab:
        made = await lab.network()
        port = await lab.port(made)
        refused = await lab.as_().delete(f"{V2}/networks/{made['id']}")
        assert refused.status == 409 and type_of(refused) == "NetworkInUse"
        assert "There are one or more ports still in use on the network" in message_of(refused)
        assert (await lab.as_().delete(f"{V2}/ports/{port['id']}")).status == 204
        assert (await lab.as_().delete(f"{V2}/networks/{made['id']}")).status == 204
        for collection in ("networks", "subnets", "ports"):
            assert (await lab.admin.get(f"{V2}/{collection}")).json[collection] == []


async def test_for_another_project_only_as_administrator():
    async with Lab() as lab:
        for key in ("project_id", "tenant_id"):
            refused = await lab.as_().post(f"{V2}/networks", {"network": {"name": "n", key: "p9"}})
            assert refused.status == 400
            assert (await lab.make("networks", "network", by=lab.admin, **{key: "p9"}))["tenant_id"] == "p9"


async def test_lists_are_filtered_sorted_paged_and_cut():
    async with Lab() as lab:
        for name in ("c", "a", "b"):
            await lab.make("networks", "network", name=name, tags=[name, "all"], admin_state_up=name != "b")
        member = lab.as_()

        async def names(query):
            answer = await member.get(f"{V2}/networks?{query}")
            assert answer.status == 200, answer.text
            return [n["name"] for n in answer.json["networks"]]

        assert await names("sort_key=name") == ["a", "b", "c"]
        assert await names("sort_key=name&sort_dir=desc") == ["c", "b", "a"]
        assert sorted(await names("name=a&name=b")) == ["a", "b"]
        assert await names("admin_state_up=False") == ["b"]
        assert await names("name=nobody") == []
        assert (
            await names("tags=a") == ["a"] and await names("tags=a,b") == [] and sorted(await names("tags-any=a,b")) == ["a", "b"]
        )
        assert sorted(await names("not-tags=a")) == ["b", "c"] and await names("not-tags-any=a,b") == ["c"]
        assert (await member.get(f"{V2}/networks?sort_key=mood")).status == 400
        assert (await member.get(f"{V2}/networks?limit=-1")).status == 400
        assert (await member.get(f"{V2}/networks?limit=1&marker=nothing")).status == 404
        cut = (await member.get(f"{V2}/networks?fields=id&fields=name&sort_key=name")).json["networks"]
        assert all(set(n) == {"id", "name"} for n in cut)

        seen, url = [], f"{V2}/networks?limit=2&sort_key=name"
        while url:
            answer = (await member.get(url)).json
            seen += [n["name"] for n in answer["networks"]]
            following = [link["href"] for link in answer.get("networks_links", []) if link["rel"] == "next"]
            url = following[0][following[0].index("/network"):] if following else None
        assert seen == ["a", "b", "c"]
        last = next(n for n in (await member.get(f"{V2}/networks?name=c")).json["networks"])
        before = (await member.get(f"{V2}/networks?limit=2&sort_key=name&page_reverse=True&marker={last['id']}")).json
        assert [n["name"] for n in before["networks"]] == ["a", "b"]


async def test_a_revision_can_be_insisted_on():
    async with Lab() as lab:
        made = await lab.network(cidr=None)
        at = made["revision_number"]
        refused = await lab.as_().put(
            f"{V2}/networks/{made['id']}", {"network": {"name": "x"}}, headers={"If-Match": f"revision_number={at + 5}"}
        )
        assert refused.status == 412 and type_of(refused) == "RevisionNumberConstraintFailed"
        accepted = await lab.as_().put(
            f"{V2}/networks/{made['id']}", {"network": {"name": "x"}}, headers={"If-Match": f"revision_number={at}"}
        )
        assert accepted.status == 200


async def test_an_external_network_in_use_stays_external():
    async with Lab() as lab:
        external = await lab.external()
        await lab.router(external=external)
        refused = await lab.admin.put(f"{V2}/networks/{external['id']}", {"network": {"router:external": False}})
        assert refused.status == 409 and type_of(refused) == "ExternalNetworkInUse"


async def test_members_see_external_networks_but_not_their_subnets():
    async with Lab() as lab:
        external = await lab.external()
        seen = (await lab.as_().get(f"{V2}/networks?router:external=True")).json["networks"]
        assert [n["id"] for n in seen] == [external["id"]]
        assert (await lab.as_().get(f"{V2}/subnets?network_id={external['id']}")).json["subnets"] == []
