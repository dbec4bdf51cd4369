"""Lists of images: what is seen, filters, order, pages."""

import pytest

from pileus.image.model import Condition, Wanted
from pileus.image.store.query import listed
from tests.image.service import ROOT, glance


async def test_who_sees_what():
    async with glance() as g:
        admin = g.admin(project="p1")
        for visibility in ("public", "community", "shared", "private"):
            await g.make(admin, name=visibility, visibility=visibility)
            await g.clock_on(1)
        await g.make(g.member("p2"), name="own", visibility="private")
        assert await g.names() == ["private", "shared", "community", "public"]
        assert await g.names(caller=g.member("p2")) == ["own", "public"]
        assert await g.names("visibility=community", g.member("p2")) == ["community"]
        assert await g.names("visibility=all", g.member("p2")) == ["own", "community", "public"]
        assert await g.names("visibility=private", g.member("p2")) == ["own"]
        assert await g.names(caller=g.admin(project="p3")) == ["own", "private", "shared", "public"]
        assert await g.names("visibility=all", g.admin(project="p3")) == ["own", "private", "shared", "community", "public"]
        assert (await g.member().get(f"{ROOT}?visibility=hidden")).status == 400


async def test_shared_images_are_listed_when_they_are_accepted():
    async with glance() as g:
        image = await g.make(name="s")
        members, p2 = f"{ROOT}/{image['id']}/members", g.member("p2")
        await g.member().post(members, {"member": "p2"})
        assert await g.names(caller=p2) == []
        assert await g.names("visibility=shared&member_status=pending", p2) == ["s"]
        assert await g.names("member_status=all", p2) == ["s"]
        assert await g.show(image["id"], p2) is not None                   # who knows the id may look at it before
        await p2.put(f"{members}/p2", {"status": "accepted"})
        assert await g.names(caller=p2) == ["s"] and await g.names("visibility=shared", p2) == ["s"]
        await p2.put(f"{members}/p2", {"status": "rejected"})
        assert await g.names(caller=p2) == [] and await g.names("member_status=rejected", p2) == ["s"]
        assert (await p2.get(f"{ROOT}?member_status=maybe")).status == 400
        assert await g.names(caller=g.member("p3")) == []


async def many(g):
    await g.filled(b"x" * 10, name="a", tags=["t", "u"], os_distro="debian")
    await g.clock_on(10)
    await g.filled(b"x" * 30, name="b", tags=["t"], protected=True, min_ram=5)
    await g.clock_on(10)
    await g.make(name="c", disk_format="qcow2", container_format="ovf", os_distro="debian", odd="x,y")
    await g.clock_on(10)
    await g.make(name="d,e", os_hidden=True)
    await g.make(g.member("p2"), name="p2", visibility="private")


@pytest.mark.parametrize("query, found", [
    ("", "cba"), ("name=a", "a"), ("name=nobody", ""), ("name=in:a,c", "ca"), ("name=in:%22a%22,b", "ba"), ("name=neq:a", "cb"),
    ("status=active", "ba"), ("status=queued", "c"), ("status=in:queued,saving", "c"), ("disk_format=qcow2", "c"),
    ("disk_format=in:raw,vhd", "ba"), ("container_format=ovf", "c"), ("size=10", "a"), ("size_min=11", "b"), ("size_max=10", "a"),
    ("size_min=10&size_max=30", "ba"), ("tag=t", "ba"), ("tag=t&tag=u", "a"), ("tag=v", ""), ("protected=true", "b"),
    ("protected=false", "ca"), ("os_distro=debian", "ca"), ("os_distro=debian&tag=u", "a"), ("odd=x%2Cy", "c"), ("owner=p1", "cba"),
    ("owner=p2", ""), ("min_ram=5", "b"), ("created_at=gt:2026-01-01T00:00:05Z", "cb"), ("created_at=lte:2026-01-01T00:00:10", "ba"),
    ("created_at=2026-01-01T00:00:00Z", "a"), ("created_at=2026-01-01T02:00:00+02:00", "a"),
    ("updated_at=gte:2026-01-01T00:00:20%2B00:00", "c"), ("sort=name:asc", "abc"),
    ("sort=size:desc", "bac"), ("sort=size:asc,name", "cab"), ("sort_key=name&sort_dir=asc", "abc"), ("sort_dir=asc", "abc"),
    ("sort_key=status&sort_key=name&sort_dir=asc", "abc"), ("sort_key=status&sort_key=name&sort_dir=asc&sort_dir=desc", "bac"),
    ("status=odd", ""), ("status=in:active,odd", "ba"), ("size=x", ""), ("min_ram=-1", ""), ("size_min=-1", "ba"), ("deleted=false", "cba"),
    ("sort=name:asc,name:desc", "abc"), ("sort_key=name", "cba"), ("limit=2", "cb"), ("limit=0", ""),
])
async def test_filters_and_order(query, found):
    async with glance() as g:
        await many(g)
        assert "".join(await g.names(query)) == found


async def test_hidden_images_are_listed_when_asked_for():
    async with glance() as g:
        await many(g)
        assert await g.names("os_hidden=true") == ["d,e"]
        assert await g.names('os_hidden=true&name=in:"d,e",z') == ["d,e"]


@pytest.mark.parametrize("query", [
    "limit=x", "limit=-1", "size_min=x", "protected=maybe", "created_at=gt:yesterday",
    "created_at=gt:0001-01-01T00:00:00%2B14:00", "sort=size:up", "sort=colour", "sort_key=owner",
    "sort=name&sort_key=name", "sort_key=name&sort_dir=asc&sort_dir=desc", 'name=in:"a', "name=gt:a",
    "marker=00000000-0000-0000-0000-000000000000",
])
async def test_what_makes_no_sense_is_refused(query):
    async with glance() as g:
        assert (await g.member().get(f"{ROOT}?{query}")).status == 400


@pytest.mark.parametrize("sort", ["", "sort=size:asc&", "sort=name:desc,size:asc&", "sort_key=status&sort_dir=asc&", "sort=disk_format&"])
async def test_pages_neither_repeat_nor_miss_any(sort):
    async with glance() as g:
        for n in range(7):
            if n % 2:
                await g.filled(b"x" * (n % 3), name=f"n{n % 4}")
            else:
                await g.make(name=None, disk_format=None if n % 4 else "raw")
        whole = (await g.member().get(f"{ROOT}?{sort}")).json
        assert len(whole["images"]) == 7 and "next" not in whole and whole["schema"] == "/v2/schemas/images"
        seen, path = [], f"/v2/images?{sort}limit=2"
        while path:
            page = (await g.member().get("/image" + path)).json
            assert page["first"].startswith("/v2/images?") and "marker" not in page["first"]
            seen += page["images"]
            path = page.get("next")
        assert seen == whole["images"]


async def test_a_marker_of_somebody_else_is_none():
    async with glance() as g:
        image = await g.make(g.member("p2"), visibility="private")
        assert (await g.member().get(f"{ROOT}?marker={image['id']}")).status == 400


@pytest.mark.parametrize("visibility", [None, "public", "all"])
async def test_a_page_of_the_newest_images_sorts_nothing(visibility):
    """However many images there are: the index of the newest is walked until the page is full."""
    async with glance() as g:
        wanted = Wanted(conditions=(Condition("os_hidden", "eq", False),), visibility=visibility, limit=25)
        text = listed(wanted, "p1", "p1").compile(dialect=g.kit.db.backend.engine.dialect, compile_kwargs={"literal_binds": True}).string
        plan = " ".join(step[3] for step in g.kit.db.backend.raw.execute("EXPLAIN QUERY PLAN " + text))
        assert "ix_image_images_newest" in plan and "TEMP B-TREE" not in plan
