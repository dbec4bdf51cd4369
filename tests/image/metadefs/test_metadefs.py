"""Metadata definitions: what is in a namespace, who sees and changes it, what is refused without a trace."""

import pytest

from tests.image.service import glance

NS = "/image/v2/metadefs/namespaces"
TYPES = "/image/v2/metadefs/resource_types"
WHOLE = {
    "namespace": "OS::Test", "display_name": "Test", "description": "For tests", "visibility": "public",
    "resource_type_associations": [{"name": "OS::Glance::Image", "prefix": "hw_"},
                                   {"name": "OS::Cinder::Volume", "properties_target": "image"}],
    "properties": {"cores": {"title": "Cores", "type": "integer", "minimum": 1, "enum": [1, 2], "default": 1}},
    "objects": [{"name": "Numa", "required": ["nodes"], "properties": {"nodes": {"title": "Nodes", "type": "integer"}}}],
    "tags": [{"name": "one"}, {"name": "One"}],
}


async def make(g, **fields):
    got = await g.admin().post(NS, {"namespace": "ns", "visibility": "public"} | fields)
    assert got.status == 201, got.text
    return got.json


async def test_a_namespace_with_everything():
    async with glance() as g:
        made = await g.admin().post(NS, WHOLE)
        assert made.status == 201 and made.headers["location"].endswith("/v2/metadefs/namespaces/OS::Test")
        shown = (await g.reader("p2").get(NS + "/OS::Test")).json
        assert shown == made.json
        assert shown["properties"] == WHOLE["properties"] and shown["owner"] == "p1" and not shown["protected"]
        assert sorted(tag["name"] for tag in shown["tags"]) == ["One", "one"]
        assert shown["objects"][0]["properties"] == WHOLE["objects"][0]["properties"] and shown["objects"][0]["required"] == ["nodes"]
        assert {a["name"]: a.get("prefix") for a in shown["resource_type_associations"]} == {"OS::Glance::Image": "hw_",
                                                                                            "OS::Cinder::Volume": None}
        there = (await g.reader("p2").get(NS + "/OS::Test?resource_type=OS::Glance::Image")).json
        assert list(there["properties"]) == ["hw_cores"] and there["objects"][0]["required"] == ["hw_nodes"]
        named = await g.reader().get(NS + "/OS::Test/properties/hw_cores?resource_type=OS::Glance::Image")
        assert named.json["name"] == "cores" and named.json["title"] == "Cores"
        assert (await g.reader().get(NS + "/OS::Test/properties/cores?resource_type=OS::Glance::Image")).status == 404
        assert [t["name"] for t in (await g.reader().get(TYPES)).json["resource_types"]] == ["OS::Cinder::Volume", "OS::Glance::Image"]
        assert (await g.admin().delete(NS + "/OS::Test")).status == 204
        assert (await g.admin().get(NS + "/OS::Test")).status == 404
        assert len((await g.reader().get(TYPES)).json["resource_types"]) == 2


async def test_updates_replace_the_whole():
    async with glance() as g:
        made = await make(g, description="old", protected=True)
        await g.clock_on(3)
        got = await g.admin(project="p7").put(NS + "/ns", {"namespace": "new", "display_name": "New"})
        assert got.status == 200 and got.json["visibility"] == "private" and "description" not in got.json
        assert got.json["owner"] == made["owner"] and got.json["updated_at"] > made["updated_at"] == made["created_at"]
        assert (await g.admin().get(NS + "/ns")).status == 404
        await make(g)
        assert (await g.admin().put(NS + "/ns", {"namespace": "new"})).status == 409
        assert (await g.admin().post(NS, {"namespace": "new"})).status == 409


async def test_private_namespaces_exist_for_their_owner_only():
    async with glance() as g:
        await make(g, namespace="mine", visibility="private", properties=WHOLE["properties"], tags=[{"name": "t"}])
        await make(g, namespace="open")
        for path in ("", "/properties", "/properties/cores", "/objects", "/tags", "/tags/t", "/resource_types"):
            assert (await g.member("p2").get(NS + "/mine" + path)).status == 404, path
            assert (await g.reader("p1").get(NS + "/mine" + path)).status == 200, path
        assert (await g.member("p2").delete(NS + "/mine")).status == 404
        names = [n["namespace"] for n in (await g.member("p2").get(NS)).json["namespaces"]]
        assert names == ["open"]
        assert (await g.member("p2").get(NS + "?marker=mine")).status == 404


@pytest.mark.parametrize("method, path, body", [
    ("POST", "", {"namespace": "x"}), ("PUT", "/ns", {"namespace": "ns"}), ("DELETE", "/ns", None),
    ("POST", "/ns/properties", {"name": "p", "title": "P", "type": "string"}), ("DELETE", "/ns/properties", None),
    ("PUT", "/ns/properties/cores", {"name": "p", "title": "P", "type": "string"}), ("DELETE", "/ns/properties/cores", None),
    ("POST", "/ns/objects", {"name": "o"}), ("PUT", "/ns/objects/Numa", {"name": "o"}), ("DELETE", "/ns/objects/Numa", None),
    ("DELETE", "/ns/objects", None), ("POST", "/ns/tags", {"tags": []}), ("POST", "/ns/tags/x", None), ("DELETE", "/ns/tags", None),
    ("PUT", "/ns/tags/one", {"name": "x"}), ("DELETE", "/ns/tags/one", None), ("POST", "/ns/resource_types", {"name": "x"}),
    ("DELETE", "/ns/resource_types/OS::Glance::Image", None),
])
async def test_only_administrators_change_definitions(method, path, body):
    async with glance() as g:
        made = await make(g, **{k: v for k, v in WHOLE.items() if k != "namespace"})
        for caller in (g.member(), g.member("p2"), g.reader()):
            got = await caller.request(method, NS + path, json=body)
            assert got.status == 403, got.text
        assert (await g.reader().get(NS + "/ns")).json == made


@pytest.mark.parametrize("body, status", [
    ({}, 400), ({"namespace": ""}, 400), ({"namespace": "x" * 81}, 400), ({"namespace": 5}, 400), ({"namespace": "a/b"}, 400),
    ({"namespace": "a\0"}, 400), ({"namespace": "a", "visibility": "shared"}, 400), ({"namespace": "a", "protected": "yes"}, 400),
    ({"namespace": "a", "bad": 1}, 400), ({"namespace": "a", "self": "x"}, 403), ({"namespace": "a", "created_at": "x"}, 403),
    ({"namespace": "a", "description": "x" * 501}, 400), ({"namespace": "a", "properties": {"p": {"type": "string"}}}, 400),
    ({"namespace": "a", "properties": {"p": {"title": "P", "type": "text"}}}, 400),
    ({"namespace": "a", "properties": {"p": {"title": "P", "type": "string", "minLength": -1}}}, 400),
    ({"namespace": "a", "objects": [{"name": "o"}, {"name": "o"}]}, 409), ({"namespace": "a", "tags": [{"name": "t"}, {"name": "t"}]}, 409),
    ([], 400), ("x", 400),
])
async def test_namespaces_that_are_refused(body, status):
    async with glance() as g:
        got = await g.admin().post(NS, body)
        assert got.status == status and got.json["message"], got.text
        assert (await g.admin().get(NS)).json["namespaces"] == []


async def test_what_is_protected_stays():
    async with glance() as g:
        whole = await make(g, **{k: v for k, v in WHOLE.items() if k != "namespace"}, protected=True)
        for path in ("", "/properties", "/properties/cores", "/objects/Numa", "/tags", "/tags/one", "/resource_types/OS::Glance::Image"):
            got = await g.admin().delete(NS + "/ns" + path)
            assert got.status == 403 and "protected" in got.json["message"]
        assert (await g.admin().get(NS + "/ns")).json == whole


async def test_lists_are_paged_and_filtered():
    async with glance() as g:
        for n in range(5):
            await g.clock_on(1)
            await make(g, namespace=f"n{n}", visibility="public" if n % 2 else "private", display_name=None if n == 3 else f"d{9 - n}",
                       resource_type_associations=[{"name": f"T{n}"}])

        async def walk(query):
            url, found = f"{NS}?limit=2&{query}", []
            while url:
                page = (await g.admin().get(url)).json
                found += [one["namespace"] for one in page["namespaces"]]
                url = "/image" + page["next"] if "next" in page else None
            return found

        assert await walk("") == ["n4", "n3", "n2", "n1", "n0"]
        assert await walk("sort_key=namespace&sort_dir=asc") == ["n0", "n1", "n2", "n3", "n4"]
        assert await walk("sort_key=display_name&sort_dir=asc") == ["n3", "n4", "n2", "n1", "n0"]
        assert await walk("visibility=public") == ["n3", "n1"]
        assert await walk("resource_types=T1,T4") == ["n4", "n1"] and await walk("resource_types=none") == []
        for bad in ("sort_key=id2", "sort_dir=up", "limit=-1", "limit=x", "visibility=shared"):
            assert (await g.admin().get(f"{NS}?{bad}")).status == 400, bad
        listed = (await g.admin().get(f"{NS}?limit=1")).json["namespaces"][0]
        assert [a["name"] for a in listed["resource_type_associations"]] == ["T4"] and "properties" not in listed


async def test_properties():
    async with glance() as g:
        await make(g)
        path, whole = NS + "/ns/properties", {"name": "p", "title": "P", "type": "array", "items": {"type": "string"}, "minItems": 0}
        made = await g.admin().post(path, whole)
        assert made.status == 201 and made.json == whole == (await g.reader().get(path + "/p")).json
        assert (await g.admin().post(path, whole)).status == 409
        assert (await g.admin().post(path, {"title": "P", "type": "string"})).status == 400
        got = await g.admin().put(path + "/p", {"name": "q", "title": "Q", "type": "string"})
        assert got.status == 200 and (await g.reader().get(path)).json == {"properties": {"q": {"title": "Q", "type": "string"}}}
        assert (await g.admin().put(path + "/p", whole)).status == 404 and (await g.admin().delete(path + "/p")).status == 404
        assert (await g.admin().delete(path + "/q")).status == 204 and (await g.reader().get(path)).json == {"properties": {}}


async def test_objects():
    async with glance() as g:
        await make(g)
        path = NS + "/ns/objects"
        made = await g.admin().post(path, {"name": "o", "description": "d"})
        assert made.status == 201 and made.json["properties"] == {} and made.json["self"] == "/v2/metadefs/namespaces/ns/objects/o"
        await g.admin().post(path, {"name": "p"})
        assert (await g.admin().put(path + "/o", {"name": "p"})).status == 409
        assert (await g.admin().put(path + "/o", {"name": "n"})).json["name"] == "n"
        first = (await g.reader().get(path + "?limit=1&sort_key=name&sort_dir=asc")).json
        assert [o["name"] for o in first["objects"]] == ["n"]
        assert [o["name"] for o in (await g.reader().get("/image" + first["next"])).json["objects"]] == ["p"]
        assert (await g.admin().delete(path)).status == 204 and (await g.reader().get(path)).json["objects"] == []


async def test_tags():
    async with glance() as g:
        await make(g)
        path, admin = NS + "/ns/tags", g.admin()

        async def names():
            return sorted(tag["name"] for tag in (await g.reader().get(path)).json["tags"])

        assert (await admin.post(path + "/a")).status == 201 and (await admin.post(path + "/a")).status == 409
        assert (await admin.post(path, {"tags": [{"name": "b"}, {"name": "c"}]})).status == 201 and await names() == ["b", "c"]
        assert (await admin.post(path, {"tags": [{"name": "d"}, {"name": "b"}]}, headers={"X-Openstack-Append": "True"})).status == 409
        assert await names() == ["b", "c"]
        assert (await admin.post(path, {"tags": [{"name": "d"}]}, headers={"X-Openstack-Append": "True"})).status == 201
        assert (await admin.put(path + "/d", {"name": "e"})).json["name"] == "e" and await names() == ["b", "c", "e"]
        assert (await admin.put(path + "/e", {"name": "b"})).status == 409
        assert (await admin.delete(path + "/e")).status == 204 and (await admin.delete(path + "/e")).status == 404
        assert (await g.reader().get(path + "/b")).json["name"] == "b"


async def test_schemas():
    async with glance() as g:
        names = {"namespace": "namespace", "namespaces": "namespaces", "object": "object", "objects": "objects", "property": "property",
                 "properties": "properties", "tag": "tag", "tags": "tags", "resource_type": "resource_type_association",
                 "resource_types": "resource_type_associations"}
        for path, name in names.items():
            got = await g.reader().get(f"/image/v2/schemas/metadefs/{path}")
            assert got.status == 200 and got.json["name"] == name and got.json["properties"]
