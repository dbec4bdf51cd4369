"""The old proxy of the image service: images and their metadata."""

import pytest

COMPUTE, IMAGE = "/compute/v2.1", "/image/v2"
IMAGES = f"{COMPUTE}/images"
NOBODY = "5b1bd9cb-4bd4-4d3e-a2dc-25bf5e8e9b8d"


async def upload(caller, name="mine", **properties) -> str:
    made = await caller.post(f"{IMAGE}/images", {"name": name, "disk_format": "raw", "container_format": "bare"} | properties)
    assert made.status == 201, made.text
    got = await caller.request("PUT", f"{IMAGE}/images/{made.json['id']}/file", body=b"*" * 1024,
                               headers={"Content-Type": "application/octet-stream"})
    assert got.status == 204, got.text
    return made.json["id"]


async def names(caller, query="", path="/detail"):
    got = await caller.get(f"{IMAGES}{path}{query}")
    assert got.status == 200, got.text
    return sorted(image["name"] for image in got.json["images"])


async def test_an_image(cloud):
    member = await cloud.as_()
    id = await upload(member, min_disk=1, min_ram=64, colour="blue")
    image = (await member.get(f"{IMAGES}/{id}")).json["image"]
    assert {k: image[k] for k in image if k not in ("created", "updated", "links")} == {
        "id": id, "name": "mine", "status": "ACTIVE", "progress": 100, "minDisk": 1, "minRam": 64, "metadata": {"colour": "blue"},
        "OS-EXT-IMG-SIZE:size": 1024}
    assert image["created"] <= image["updated"] and image["created"].endswith("Z")
    assert [link["rel"] for link in image["links"]] == ["self", "bookmark", "alternate"]
    assert image in (await member.get(f"{IMAGES}/detail")).json["images"]
    brief = {k: image[k] for k in ("id", "name", "links")}
    assert brief in (await member.get(IMAGES)).json["images"]
    path = image["links"][0]["href"].split("/", 3)[3]
    assert (await member.get("/" + path)).json["image"] == image


async def test_an_image_without_bytes_and_a_deactivated_one(cloud):
    member = await cloud.as_()
    made = (await member.post(f"{IMAGE}/images", {"name": "empty"})).json["id"]
    image = (await member.get(f"{IMAGES}/{made}")).json["image"]
    assert (image["status"], image["progress"], image["OS-EXT-IMG-SIZE:size"]) == ("SAVING", 25, 0)
    id = await upload(member)
    assert (await member.post(f"{IMAGE}/images/{id}/actions/deactivate")).status == 204
    assert (await member.get(f"{IMAGES}/{id}")).json["image"]["status"] == "UNKNOWN"


async def test_snapshots_say_whose_they_are(cloud):
    member = await cloud.as_()
    id = await upload(member, "snap", instance_uuid=NOBODY, image_type="snapshot", auto_disk_config="True")
    image = (await member.get(f"{IMAGES}/{id}")).json["image"]
    assert image["server"]["id"] == NOBODY and image["server"]["links"][0]["href"].endswith(f"/compute/v2.1/servers/{NOBODY}")
    assert image["OS-DCF:diskConfig"] == "AUTO"


@pytest.mark.parametrize("path", ["", "/detail"])
async def test_lists_are_filtered(cloud, path):
    member = await cloud.as_()
    await upload(member, "a", instance_uuid=NOBODY, image_type="snapshot")
    await upload(member, "hidden", os_hidden=True)
    await upload(member, "b", min_ram=64, min_disk=2, colour="blue")
    everything = await names(member, path=path)
    for query, found in ((f"?server={NOBODY}", ["a"]), (f"?server=http://x/v2.1/servers/{NOBODY}", ["a"]), ("?type=snapshot", ["a"]),
                         ("?name=b", ["b"]), ("?minRam=64", ["b"]), ("?minDisk=2", ["b"]), ("?property-colour=blue", ["b"]),
                         ("?status=SAVING", []),
                         ("?status=ACTIVE", everything), ("?status=nonsense", []), ("?limit=0", []), ("?surprise=1", everything),
                         ("?changes-since=2000-01-01T00:00:00Z", everything), ("?changes-since=2999-01-01T00:00:00", [])):
        assert await names(member, query, path) == found, query
    for query in ("?limit=-1", "?limit=x", "?marker=x", "?minRam=x", "?changes-since=yesterday",
                  "?changes-since=0001-01-01T00:00:00%2B14:00"):
        assert (await member.get(f"{IMAGES}{path}{query}")).status == 400, query


async def test_lists_come_in_pages(cloud):
    member = await cloud.as_()
    for name in ("a", "b", "c"):
        await upload(member, name)
    expected, seen, url = await names(member), [], f"{IMAGES}/detail?limit=2"
    while url:
        got = (await member.get(url)).json
        seen += [image["name"] for image in got["images"]]
        url = next(("/" + link["href"].split("/", 3)[3] for link in got.get("images_links", [])), None)
    assert sorted(seen) == expected


async def test_delete(cloud):
    member, admin = await cloud.as_(), await cloud.as_("pileus-admin")
    id = await upload(member)
    assert (await (await cloud.as_("pileus-alt")).delete(f"{IMAGES}/{id}")).status == 404
    assert (await member.delete(f"{IMAGES}/{id}")).status == 204
    assert (await member.get(f"{IMAGES}/{id}")).status == (await member.delete(f"{IMAGES}/{id}")).status == 404
    for other in (NOBODY, "x", "-1", ""):
        assert (await member.delete(f"{IMAGES}/{other}")).status == 404
    public = await cloud.image()
    assert (await member.delete(f"{IMAGES}/{public}")).status == 403
    protected = await upload(admin, protected=True)
    assert (await admin.delete(f"{IMAGES}/{protected}")).status == 403
    for kept in (public, protected):
        assert (await admin.get(f"{IMAGES}/{kept}")).status == 200


async def test_metadata(cloud):
    member = await cloud.as_()
    id = await upload(member, old="1")
    url = f"{IMAGES}/{id}/metadata"
    assert (await member.get(url)).json == {"metadata": {"old": "1"}}
    for body, method, all_of_it in (({"a": "1", "b": "2"}, "PUT", {"a": "1", "b": "2"}),
                                    ({"b": "3", "c": "4"}, "POST", {"a": "1", "b": "3", "c": "4"})):
        got = await member.request(method, url, json={"metadata": body})
        assert got.status == 200 and got.json == {"metadata": all_of_it} == (await member.get(url)).json
    assert (await member.get(f"{url}/a")).json == {"meta": {"a": "1"}}
    got = await member.put(f"{url}/a", {"meta": {"a": "5"}})
    assert got.status == 200 and got.json == {"meta": {"a": "5"}}
    assert (await member.delete(f"{url}/b")).status == 204
    assert (await member.get(url)).json == {"metadata": {"a": "5", "c": "4"}}
    assert (await member.get(f"{IMAGE}/images/{id}")).json["a"] == "5"
    assert (await member.get(f"{url}/b")).status == (await member.delete(f"{url}/b")).status == 404


async def test_bad_metadata_changes_nothing(cloud):
    member, admin = await cloud.as_(), await cloud.as_("pileus-admin")
    id = await upload(member, old="1")
    url = f"{IMAGES}/{id}/metadata"
    before = (await member.get(f"{IMAGE}/images/{id}")).json
    for items in ({"name": "stolen"}, {"visibility": "public"}, {"owner": NOBODY}, {"": "x"}, {"k" * 256: "x"}, {"k": "v" * 256}, {"k": 1}):
        for method in ("PUT", "POST"):
            assert (await member.request(method, url, json={"metadata": items})).status == 400, items
    for items in ({"status": "queued"}, {"os_glance_x": "1"}, {"location": "file:///etc/passwd"}):
        assert (await member.post(url, {"metadata": items})).status in (400, 403), items
    assert (await member.put(f"{url}/a", {"meta": {"b": "1"}})).status == 400
    assert (await admin.put(f"{COMPUTE}/os-quota-sets/{await cloud.project()}", {"quota_set": {"metadata_items": 2}})).status == 200
    assert (await member.put(url, {"metadata": {"a": "", "b": "", "c": ""}})).status == 403
    assert (await member.get(f"{IMAGE}/images/{id}")).json == before


async def test_metadata_of_other_peoples_images(cloud):
    member, other = await cloud.as_(), await cloud.as_("pileus-alt")
    hidden, public = f"{IMAGES}/{await upload(other)}/metadata", f"{IMAGES}/{await cloud.image()}/metadata"
    for url, status in ((hidden, 404), (public, 403), (f"{IMAGES}/{NOBODY}/metadata", 404)):
        assert (await member.put(url, {"metadata": {"a": "1"}})).status == status
        assert (await member.post(url, {"metadata": {"a": "1"}})).status == status
        assert (await member.put(f"{url}/a", {"meta": {"a": "1"}})).status == status
        assert (await member.delete(f"{url}/a")).status == 404
    assert (await member.get(public)).status == 200
    assert (await member.get(hidden)).status == 404
