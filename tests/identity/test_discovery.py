"""What a client asks first: which versions there are, and where (K23)."""

import re

import pytest

from pileus.identity.api import API
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


HOME = {"Accept": "application/json-home"}


async def test_json_home_says_where_everything_is(keystone):
    got = await keystone.anonymous.get("/identity/v3", headers=HOME)
    assert got.status == 200 and got.headers["content-type"] == "application/json-home"
    resources = got.json["resources"]
    documents = "https://docs.openstack.org/api/openstack-identity/3"
    assert resources[f"{documents}/rel/users"] == {"href": "/users"}
    assert resources[f"{documents}/ext/OS-TRUST/1.0/rel/trust_role"] == {
        "href-template": "/OS-TRUST/trusts/{trust_id}/roles/{role_id}",
        "href-vars": {"trust_id": f"{documents}/ext/OS-TRUST/1.0/param/trust_id", "role_id": f"{documents}/param/role_id"},
    }
    assert resources[f"{documents}/rel/limits"]["hints"] == {"status": "experimental"}
    there_are = {re.sub(r"{\w+}", "{}", route.path) for route in API.routes}
    for relation, resource in resources.items():
        path = resource.get("href") or resource["href-template"]
        assert "/v3" + re.sub(r"{\w+}", "{}", path) in there_are, relation
    above = (await keystone.anonymous.get("/identity", headers=HOME)).json["resources"]
    assert above.keys() == resources.keys() and above[f"{documents}/rel/users"] == {"href": "/v3/users"}


async def test_json_home_is_only_for_who_prefers_it(keystone):
    for accept in ("*/*", "application/json", "application/json, application/json-home;q=0.5", "text/html", ""):
        assert (await keystone.anonymous.get("/identity/v3", headers={"Accept": accept})).json["version"]["id"] == "v3.14", accept
