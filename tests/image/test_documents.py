"""Versions, schemas, what is on offer, and downloads of parts."""

import pytest

from pileus.core.errors import Invalid
from pileus.image.api.data import wanted_range
from pileus.image.api.schemas import image_schema
from pileus.image.errors import RangeUnsatisfiable
from tests.image.service import ROOT, glance


async def test_versions_need_no_token():
    async with glance() as g:
        for path, status in (("/image", 300), ("/image/", 300), ("/image/versions", 200)):
            got = await g.harness.anonymous().get(path)
            assert got.status == status
            versions = got.json["versions"]
            assert versions[0]["id"] == "v2.18" and versions[-1]["id"] == "v2.0"
            assert [v["status"] for v in versions] == ["CURRENT"] + ["SUPPORTED"] * (len(versions) - 1)
            assert all(v["links"][0]["href"].endswith("/image/v2/") for v in versions)


async def test_the_versions_say_whether_there_is_a_cache():
    async with glance(cache_max_bytes=0) as g:
        versions = [v["id"] for v in (await g.harness.anonymous().get("/image/versions")).json["versions"]]
        assert versions[0] == "v2.17" and not {"v2.18", "v2.16", "v2.14"} & set(versions)


async def test_schemas_describe_what_is_shown():
    async with glance() as g:
        image = await g.filled(b"x")
        got = await g.reader().get("/image/v2/schemas/image")
        assert got.status == 200 and got.json["name"] == "image"
        assert set(got.json["properties"]) == set(image)
        assert got.json["properties"]["visibility"]["enum"] == ["community", "private", "public", "shared"]
        assert got.json["properties"]["disk_format"]["type"] == ["null", "string"]
        for name in ("disk_format", "container_format"):                   # clients hold what they get against it
            assert None in got.json["properties"][name]["enum"]
        for name, item in (("images", "images"), ("member", None), ("members", "members")):
            got = await g.reader().get(f"/image/v2/schemas/{name}")
            assert got.status == 200 and got.json["name"] == name
            assert item is None or got.json["properties"][item]["items"]["name"] == name[:-1]


def test_the_schema_is_that_of_the_definitions():
    properties = image_schema()["properties"]
    assert properties["name"] | {"description": ""} == {"type": ["null", "string"], "maxLength": 255, "description": ""}
    assert properties["checksum"]["readOnly"] and properties["min_ram"]["type"] == "integer"


async def test_what_is_on_offer():
    async with glance() as g:
        methods = (await g.reader().get("/image/v2/info/import")).json["import-methods"]
        assert methods["value"] == ["glance-direct", "web-download", "copy-image"]
        assert (await g.reader().get("/image/v2/info/stores")).json["stores"][0]["id"] == "file"


@pytest.mark.parametrize("header, part", [
    ("bytes=0-0", b"0"), ("bytes=2-4", b"234"), ("bytes=7-", b"789"), ("bytes=7-100", b"789"), ("bytes=-3", b"789"),
    ("bytes=-100", b"0123456789"),
])
async def test_parts(header, part):
    async with glance() as g:
        image = await g.filled(b"0123456789")
        got = await g.member().get(f"{ROOT}/{image['id']}/file", headers={"Range": header})
        assert (got.status, got.data) == (206, part)
        first = b"0123456789".index(part)
        assert got.headers["content-range"] == f"bytes {first}-{first + len(part) - 1}/10"
        assert got.headers["content-length"] == str(len(part)) and "content-md5" not in got.headers


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=50-60", "bytes=-0", "bytes=", "bytes=-", "bytes=4-2", "bytes=a-b", "items=1-2"])
async def test_parts_that_are_not_there(header):
    async with glance() as g:
        image = await g.filled(b"0123456789")
        got = await g.member().get(f"{ROOT}/{image['id']}/file", headers={"Range": header})
        assert got.status == 416 and got.headers["content-range"] == "bytes */10"


def test_ranges_that_are_none():
    assert wanted_range(None, 10) == wanted_range("", 10) == (0, 10, False)
    with pytest.raises(RangeUnsatisfiable):
        wanted_range("bytes=١-٢", 10)
    with pytest.raises(Invalid):
        wanted_range("bytes=1-2,4-5", 10)


@pytest.mark.parametrize("header, part", [
    ("bytes 0-3/10", b"0123"), ("bytes 4-9/*", b"456789"), ("bytes 4-20/*", None), ("bytes 4-2/10", None), ("bytes */10", None),
    ("x", None),
])
async def test_parts_as_older_clients_ask_for_them(header, part):
    async with glance() as g:
        image = await g.filled(b"0123456789")
        got = await g.member().get(f"{ROOT}/{image['id']}/file", headers={"Content-Range": header})
        assert got.status == (416 if part is None else 206) and (part is None or got.data == part)


async def test_the_head_of_a_download():
    async with glance() as g:
        image = await g.filled(b"0123456789")
        got = await g.member().head(f"{ROOT}/{image['id']}/file")
        assert (got.status, got.data, got.headers["content-length"]) == (200, b"", "10")


async def test_errors_are_written_as_they_are_asked_for():
    """python-glanceclient asks for anything, and falls over JSON that is not nested."""
    async with glance() as g:
        for accept, kind in (("*/*", "text/html; charset=UTF-8"), ("text/html", "text/html; charset=UTF-8"),
                             ("text/plain", "text/plain; charset=UTF-8"), ("application/json", "application/json"),
                             ("application/json, */*", "application/json")):
            got = await g.member().get(f"{ROOT}/%3Cscript%3E", headers={"Accept": accept})
            assert (got.status, got.headers["content-type"]) == (404, kind) and b"Failed to find image" in got.data
            assert (b"<script>" in got.data) == ("html" not in kind) and (b"<h1>404 Not Found</h1>" in got.data) == ("html" in kind)
        assert got.json["title"] == "Not Found" and got.json["code"] == "404 Not Found"


async def test_bytes_that_went_missing_are_an_error():
    async with glance() as g:
        image = await g.filled(b"0123456789")
        (g.folder / g.files()[0]).unlink()
        assert (await g.member().get(f"{ROOT}/{image['id']}/file")).status == 500
