"""Images on PostgreSQL and MySQL, where a server can be started."""

import pytest

from tests.image.service import ROOT, glance

pytestmark = [pytest.mark.database, pytest.mark.realtime]


async def test_images_on_a_database_server(database_url):
    async with glance(database_url, hash_threads=1, quota_bytes=1 << 20) as g:
        big = await g.filled(b"x" * 5000, name="big", tags=["t", "T"], os_distro="debian", OS_distro="other")
        assert big["tags"] == ["t", "T"] and big["virtual_size"] == 5000
        await g.make(name="a", disk_format=None, container_format=None)
        await g.make(name=None, protected=True)
        assert await g.names("sort=size:desc,name") == ["big", "a", None]
        assert await g.names("sort=name:asc&limit=2") == [None, "a"]
        assert await g.names("tag=T&tag=t&os_distro=debian") == ["big"] and await g.names("os_distro=Debian") == []
        assert await g.names("name=in:a,b&protected=false&size_max=1") == []
        assert await g.names("created_at=gt:2020-01-01T00:00:00Z&size_min=1") == ["big"]
        first = (await g.member().get(f"{ROOT}?limit=2&sort=size:asc")).json
        rest = (await g.member().get("/image" + first["next"])).json
        assert [i["name"] for i in rest["images"]] == ["big"]
        await g.patch(big["id"], {"op": "replace", "path": "/name", "value": "ß"}, {"op": "remove", "path": "/os_distro"})
        assert await g.names("OS_distro=other") == ["ß"] and await g.names("os_distro=debian") == []
        members = f"{ROOT}/{big['id']}/members"
        assert [(await g.member().post(members, {"member": "p2"})).status for _ in range(2)] == [200, 409]
        assert (await g.member("p2").put(f"{members}/p2", {"status": "accepted"})).status == 200
        assert await g.names(caller=g.member("p2")) == ["ß"]
        assert (await g.upload(big["id"], b"y")).status == 409
        assert (await g.member().post(ROOT, {"id": big["id"]})).status == 409
        assert (await g.member().delete(f"{ROOT}/{big['id']}")).status == 204
        assert (await g.member().post(ROOT, {"id": big["id"]})).status == 409
        assert g.files() == [] and await g.images.uploads.sweep() is None


async def test_definitions_on_a_database_server(database_url):
    path = "/image/v2/metadefs/namespaces"
    async with glance(database_url, hash_threads=1) as g:
        admin = g.admin()
        for name in ("a", "A", "b"):
            body = {"namespace": name, "tags": [{"name": "t"}, {"name": "T"}], "resource_type_associations": [{"name": "X"}]}
            assert (await admin.post(path, body)).status == 201
        assert (await admin.post(path, {"namespace": "a"})).status == 409
        assert (await admin.put(path + "/b", {"namespace": "A"})).status == 409
        assert (await admin.post(path + "/A/tags/t")).status == 409
        assert (await admin.delete(path + "/A/tags/t")).status == 204
        assert [t["name"] for t in (await admin.get(path + "/a/tags?sort_key=name&sort_dir=asc")).json["tags"]] == ["T", "t"]
        first = (await admin.get(path + "?limit=2&sort_key=display_name&sort_dir=asc&resource_types=X")).json
        rest = (await admin.get("/image" + first["next"])).json
        assert [n["namespace"] for n in first["namespaces"] + rest["namespaces"]] == ["A", "a", "b"]
        assert (await admin.delete(path + "/a")).status == 204 and (await admin.get(path + "/A")).status == 200
