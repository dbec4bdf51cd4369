"""Tasks: an import that makes its image, and lists of tasks."""

import pytest

from pileus.image.errors import DownloadFailed
from pileus.image.sagas.import_image import IMPORT_IMAGE
from tests.image.service import ROOT, glance
from tests.image.test_imports import URI, finds, order
from tests.sagas import arm, interrupted, interruptions, settle

TASKS = "/image/v2/tasks"


async def create(g, caller=None, **changes):
    given = {"import_from": URI, "import_from_format": "raw", "image_properties": {"name": "made", "visibility": "public"}} | changes
    body = {"type": "import", "input": {name: value for name, value in given.items() if value is not None}}
    return await (caller or g.admin()).post(TASKS, body)


async def listed(g, query=""):
    got = await g.admin().get(f"{TASKS}?{query}")
    assert got.status == 200, got.text
    return got.json


async def test_a_task_makes_an_image():
    async with glance() as g:
        finds(g, b"some ", b"bytes")
        got = await create(g)
        assert got.status == 201 and got.headers["location"].endswith(f"/v2/tasks/{got.json['id']}")
        assert (got.json["type"], got.json["status"]) == ("import", "processing") and got.json["input"]["import_from"] == URI
        await g.kit.sagas.drain()
        task = (await g.admin().get(f"{TASKS}/{got.json['id']}")).json
        assert task["status"] == "success" and task["expires_at"] is not None
        image = await g.show(task["result"]["image_id"])
        assert (image["name"], image["status"], image["disk_format"], image["container_format"]) == ("made", "active", "raw", "bare")
        assert (await g.member().get(f"{ROOT}/{image['id']}/file")).data == b"some bytes"


async def test_one_that_fails_leaves_no_image():
    async with glance() as g:
        finds(g, b"x", failure=DownloadFailed(why="it is gone"))
        got = await create(g, image_properties={"protected": True})
        await g.kit.sagas.drain()
        task = (await g.admin().get(f"{TASKS}/{got.json['id']}")).json
        assert task["status"] == "failure" and "it is gone" in task["message"]
        assert (await g.admin().get(f"{ROOT}?visibility=all")).json["images"] == [] and g.files() == []


@pytest.mark.parametrize("cut", interruptions(IMPORT_IMAGE), ids=str)
async def test_any_interruption(cut):
    async with glance() as g:
        finds(g, b"bytes")
        g.kit.sagas.register(interrupted(IMPORT_IMAGE, cut), g.images.imports)
        arm(g.kit.sagas, IMPORT_IMAGE, cut)
        id = (await create(g)).json["id"]
        await settle(g.kit.sagas)
        task = (await g.admin().get(f"{TASKS}/{id}")).json
        images = (await g.admin().get(ROOT)).json["images"]
        if cut.how == "before" or (cut.how == "after" and cut.step < len(IMPORT_IMAGE.steps) - 1):
            assert task["status"] == "failure" and images == [] and g.files() == []
        else:
            assert task["status"] == "success" and [image["status"] for image in images] == ["active"] and len(g.files()) == 1


@pytest.mark.parametrize("changes", [
    {"import_from": None}, {"image_properties": None}, {"import_from": "file:///etc/passwd"}, {"import_from": "http://127.0.0.1/"},
    {"import_from_format": "odd"}, {"image_properties": {"min_ram": "x"}}, {"import_from": 5},
])
async def test_orders_that_are_refused_change_nothing(changes):
    async with glance() as g:
        assert (await create(g, **changes)).status == 400
        assert (await listed(g))["tasks"] == [] and (await g.admin().get(ROOT)).json["images"] == []


@pytest.mark.parametrize("body", [{}, {"type": "import"}, {"type": "odd", "input": {}}, {"type": "import", "input": None},
                                  {"type": "location_import", "input": {}}, {"type": "api_image_import", "input": {}}])
async def test_bodies_that_are_no_tasks(body):
    async with glance() as g:
        assert (await g.admin().post(TASKS, body)).status == 400


async def test_tasks_are_the_administrators():
    async with glance() as g:
        assert (await create(g, g.member())).status == 403 and (await g.member().get(TASKS)).status == 403
        assert (await g.admin().delete(f"{TASKS}/x")).status == 405


async def test_a_task_imports_into_an_image_that_is_there():
    async with glance() as g:
        image = await g.make()
        finds(g, b"x")
        given = {"image_id": image["id"], "import_req": {"method": {"name": "web-download", "uri": URI}}}
        got = await g.admin().post(TASKS, {"type": "api_image_import", "input": given})
        assert got.status == 201 and got.json["type"] == "api_image_import"
        await g.kit.sagas.drain()
        assert (await g.show(image["id"]))["status"] == "active"


async def test_lists_have_pages_an_order_and_filters():
    async with glance() as g:
        made = []
        for n in range(5):
            finds(g, b"x", failure=DownloadFailed(why="no") if n % 2 else None)
            image = await g.make()
            await order(g, image["id"])
            await g.kit.sagas.drain()
            made.append((await g.member().get(f"{ROOT}/{image['id']}/tasks")).json["tasks"][0]["id"])
            await g.clock_on(10)
        assert [t["id"] for t in (await listed(g))["tasks"]] == made[::-1]
        assert [t["id"] for t in (await listed(g, "sort_key=created_at&sort_dir=asc"))["tasks"]] == made
        assert [t["id"] for t in (await listed(g, "status=failure"))["tasks"]] == [made[3], made[1]]
        assert (await listed(g, "type=import"))["tasks"] == [] and (await listed(g, "owner=p2"))["tasks"] == []
        for key in ("created_at", "updated_at", "expires_at", "id", "type", "status"):
            page, seen = await listed(g, f"limit=2&sort_key={key}"), []
            while True:
                seen += [task["id"] for task in page["tasks"]]
                if "next" not in page:
                    break
                page = (await g.admin().get("/image" + page["next"])).json
            assert sorted(seen) == sorted(made), key
        assert page["schema"] == "/v2/schemas/tasks" and page["first"] == "/v2/tasks?limit=2&sort_key=status"
        assert "input" not in (await listed(g))["tasks"][0]


@pytest.mark.parametrize("query", ["sort_key=odd", "sort_dir=up", "limit=-1", "limit=x", "marker=none", "status=odd", "type=odd"])
async def test_lists_that_are_refused(query):
    async with glance() as g:
        assert (await g.admin().get(f"{TASKS}?{query}")).status == 400


async def test_schemas_describe_what_is_shown():
    async with glance() as g:
        finds(g, b"x")
        task = (await create(g)).json
        schema = (await g.reader().get("/image/v2/schemas/task")).json
        assert schema["name"] == "task" and set(schema["properties"]) == set(task)
        assert schema["properties"]["type"]["enum"] == ["api_image_import", "import", "location_import"]
        stubs = (await g.reader().get("/image/v2/schemas/tasks")).json["properties"]["tasks"]["items"]["properties"]
        assert set(stubs) == set((await listed(g))["tasks"][0])
