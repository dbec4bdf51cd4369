"""Sharing."""

from tests.image.service import ROOT, glance


async def test_an_image_is_shared():
    async with glance() as g:
        image = await g.filled(b"x")
        members, p1, p2, p3 = f"{ROOT}/{image['id']}/members", g.member(), g.member("p2"), g.member("p3")
        added = await p1.post(members, {"member": "p2"})
        assert added.status == 200
        assert added.json == {"image_id": image["id"], "member_id": "p2", "status": "pending", "created_at": "2026-01-01T00:00:00Z",
                              "updated_at": "2026-01-01T00:00:00Z", "schema": "/v2/schemas/member"}
        assert (await p1.post(members, {"member": "p2"})).status == 409
        await p1.post(members, {"member": "p3"})
        assert (await p1.get(members)).json["schema"] == "/v2/schemas/members"
        assert [m["member_id"] for m in (await p1.get(members)).json["members"]] == ["p2", "p3"]
        assert [m["member_id"] for m in (await p2.get(members)).json["members"]] == ["p2"]
        assert (await p2.get(f"{members}/p3")).status == 404 and (await p2.get(f"{members}/p2")).status == 200
        assert (await p2.get(f"{ROOT}/{image['id']}/file")).data == b"x"

        assert (await p1.put(f"{members}/p2", {"status": "accepted"})).status == 403       # the owner does not decide for them
        assert (await p3.put(f"{members}/p2", {"status": "accepted"})).status == 404
        assert (await p2.put(f"{members}/p2", {"status": "maybe"})).status == 400
        await g.clock_on(3)
        accepted = await p2.put(f"{members}/p2", {"status": "accepted"})
        assert accepted.status == 200 and accepted.json["status"] == "accepted" and accepted.json["updated_at"] == "2026-01-01T00:00:03Z"
        assert (await p2.post(members, {"member": "p4"})).status == 403
        assert (await p2.delete(f"{members}/p2")).status == 403
        assert (await p2.delete(f"{ROOT}/{image['id']}")).status == 403

        gone = await p1.delete(f"{members}/p2")
        assert (gone.status, gone.data) == (204, b"")
        assert (await p1.delete(f"{members}/p2")).status == 404
        assert await g.show(image["id"], p2) is None
        assert (await p1.delete(f"{ROOT}/{image['id']}")).status == 204


async def test_only_shared_images_have_members():
    async with glance(max_members=2) as g:
        private = await g.make(visibility="private")
        of_private = f"{ROOT}/{private['id']}/members"
        assert (await g.member().post(of_private, {"member": "p2"})).status == 403
        assert (await g.member().get(of_private)).status == 403
        assert (await g.member().get(f"{of_private}/p2")).status == 404
        shared = await g.make()
        members = f"{ROOT}/{shared['id']}/members"
        for body in ({}, {"member": ""}, {"member": 5}, {"member": "p2", "status": "accepted"}, []):
            assert (await g.member().post(members, body)).status == 400
        assert [(await g.member().post(members, {"member": f"p{n}"})).status for n in (2, 3, 4)] == [200, 200, 413]
        await g.patch(shared["id"], {"op": "replace", "path": "/visibility", "value": "private"})
        assert await g.show(shared["id"], g.member("p2")) is None
