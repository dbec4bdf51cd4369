"""What a client asks first: which versions there are, and where (K23)."""

import pytest

from tests.identity.booted import V3

OUTSIDE = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "cloud.example:5000"}


async def test_the_root_offers_a_choice(keystone):
    got = await keystone.anonymous.get("/identity")
    assert got.status == 300 and got.headers["vary"] == "X-Auth-Token"
    [version] = got.json["versions"]["values"]
    assert version["id"] == "v3.14" and version["status"] == "stable"
    assert version["media-types"] == [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}]
    assert got.headers["location"] == version["links"][0]["href"] and version["links"][0]["href"].endswith("/identity/v3/")
    assert (await keystone.anonymous.get("/identity/")).json == got.json


async def test_the_version_describes_itself_as_in_the_list(keystone):
    [listed] = (await keystone.anonymous.get("/identity")).json["versions"]["values"]
    for path in (V3, V3 + "/"):
        got = await keystone.anonymous.get(path)
        assert got.status == 200 and got.json["version"] == listed
    assert (await keystone.anonymous.get("/identity/v2.0")).status == 404


@pytest.mark.parametrize("path", ["/identity", V3])
async def test_links_are_as_seen_from_outside(keystone, path):
    """Behind a proxy that says how it was reached."""
    got = await keystone.anonymous.get(path, headers=OUTSIDE)
    assert "https://cloud.example:5000/identity/v3/" in got.text


async def test_links_of_resources_and_pages_are_too(keystone):
    admin = await keystone.as_()
    got = await admin.get(f"{V3}/roles?limit=1", headers=OUTSIDE)
    outside = f"https://cloud.example:5000{V3}/roles"
    assert got.json["links"]["self"].startswith(outside) and got.json["links"]["next"].startswith(outside)
    assert got.json["roles"][0]["links"]["self"].startswith(outside)


async def test_a_client_finds_its_way_by_what_it_is_told(keystone):
    """From the root to the document of the version by its own link."""
    href = (await keystone.anonymous.get("/identity")).json["versions"]["values"][0]["links"][0]["href"]
    path = "/" + href.split("/", 3)[3]
    assert (await keystone.anonymous.get(path)).json["version"]["links"][0]["href"] == href
