"""Tokens over HTTP: how one gets them, what they say, how long they live."""

import asyncio
from datetime import datetime, timedelta

import pytest

from pileus.identity.config import IdentityConfig
from pileus.identity.model import DomainRef, Login, PasswordUser
from pileus.identity.payload import LONGEST_CHAIN
from pileus.identity.periodic import purge_revocations
from pileus.identity.service import Identity
from tests.harness import Caller
from tests.identity.booted import V3, booted

PROJECT = {"project": {"name": "admin", "domain": {"name": "Default"}}}
SYSTEM = {"system": {"all": True}}


async def validate(keystone, token: str, by: str | None = None, query: str = ""):
    return await Caller(keystone.app, by or token).get(f"{V3}/auth/tokens{query}", headers={"X-Subject-Token": token})


async def test_a_project_token_says_all_of_it(keystone):
    got = await keystone.auth(scope=PROJECT)
    assert got.status == 201 and got.headers["x-subject-token"].startswith("gAAAA") and len(got.headers["x-subject-token"]) < 255
    token = got.json["token"]
    assert set(token) == {"methods", "user", "audit_ids", "expires_at", "issued_at", "project", "is_domain", "roles", "catalog"}
    assert token["methods"] == ["password"] and token["is_domain"] is False
    assert token["user"] == {
        "id": token["user"]["id"],
        "name": "admin",
        "domain": {"id": "default", "name": "Default"},
        "password_expires_at": None,
    }
    assert token["project"]["domain"] == {"id": "default", "name": "Default"}
    issued, expires = (datetime.strptime(token[key], "%Y-%m-%dT%H:%M:%S.%fZ") for key in ("issued_at", "expires_at"))
    assert expires - issued == timedelta(hours=1)
    assert [r["name"] for r in token["roles"]] == ["admin", "manager", "member", "reader"]
    endpoint = next(s for s in token["catalog"] if s["type"] == "compute")["endpoints"][0]
    assert endpoint["url"] == "http://cloud/compute/v2.1" and endpoint["region"] == endpoint["region_id"] == "RegionOne"


async def test_validation_says_what_the_login_said(keystone):
    for scope in (PROJECT, SYSTEM, "unscoped", {"project": {"id": (await keystone.identity.ensure_project("admin")).id}}):
        made = await keystone.auth(scope=scope)
        token = made.headers["x-subject-token"]
        got = await validate(keystone, token)
        assert (got.status, got.json) == (200, made.json) and got.headers["x-subject-token"] == token
        head = await Caller(keystone.app, token).head(f"{V3}/auth/tokens", headers={"X-Subject-Token": token})
        assert head.status == 200 and head.data == b""


async def test_scopes(keystone):
    admin = await keystone.as_()
    domain = (await admin.post(f"{V3}/domains", {"domain": {"name": "d1"}})).json["domain"]["id"]
    user = (await keystone.auth()).json["token"]["user"]["id"]
    await keystone.identity.assign_role("manager", user_id=user, domain_id=domain)

    unscoped = (await keystone.auth(scope="unscoped")).json["token"]
    assert not {"project", "domain", "system", "roles", "catalog"} & set(unscoped)
    scoped = (await keystone.auth(scope={"domain": {"name": "d1"}})).json["token"]
    assert scoped["domain"] == {"id": domain, "name": "d1"} and [r["name"] for r in scoped["roles"]] == [
        "manager",
        "member",
        "reader",
    ]
    # What needs a project to be filled in is left out of the catalog of everybody else.
    assert all(not s["endpoints"] for s in scoped["catalog"] if s["type"] == "volumev3")
    assert any(s["endpoints"] for s in scoped["catalog"] if s["type"] == "compute")
    assert (await keystone.auth(scope=SYSTEM)).json["token"]["system"] == {"all": True}
    assert "catalog" not in (await keystone.auth(scope=PROJECT, query="?nocatalog")).json["token"]
    # A domain can be used as a project, but a role on the one is none on the other.
    assert (await keystone.auth(scope={"project": {"id": domain}})).status == 401


async def test_default_project(keystone):
    user, project = await keystone.member("ann")
    admin = await keystone.as_()
    assert "project" not in (await keystone.auth("ann", "ann")).json["token"]
    await admin.patch(f"{V3}/users/{user}", {"user": {"default_project_id": project}})
    assert (await keystone.auth("ann", "ann")).json["token"]["project"]["id"] == project
    assert "project" not in (await keystone.auth("ann", "ann", scope="unscoped")).json["token"]
    await admin.patch(f"{V3}/projects/{project}", {"project": {"enabled": False}})
    assert "project" not in (await keystone.auth("ann", "ann")).json["token"]


async def test_rescope(keystone):
    first = await keystone.auth(scope="unscoped")
    await asyncio.sleep(600)
    second = await keystone.rescope(first.headers["x-subject-token"], PROJECT)
    one, two = first.json["token"], second.json["token"]
    assert second.status == 201 and two["expires_at"] == one["expires_at"] and two["issued_at"] > one["issued_at"]
    assert set(two["methods"]) == {"password", "token"} and two["project"]["name"] == "admin"
    assert two["audit_ids"][1:] == one["audit_ids"] and two["audit_ids"][0] != one["audit_ids"][0]
    third = (await keystone.rescope(second.headers["x-subject-token"], SYSTEM)).json["token"]
    assert third["audit_ids"][1] == one["audit_ids"][0]


async def test_a_chain_of_tokens_has_an_end(keystone):
    token = (await keystone.auth(scope="unscoped")).headers["x-subject-token"]
    for _ in range(LONGEST_CHAIN - 1):
        got = await keystone.rescope(token, "unscoped")
        assert got.status == 201
        token = got.headers["x-subject-token"]
    assert (await keystone.rescope(token, "unscoped")).status == 401 and await keystone.works(token)


async def test_both_proofs_at_once_must_be_of_one_user(keystone):
    await keystone.member("ann")
    token = (await keystone.auth("ann", "ann")).headers["x-subject-token"]

    def proofs(name, password):
        who = {"name": name, "domain": {"id": "default"}, "password": password}
        return {"methods": ["password", "token"], "password": {"user": who}, "token": {"id": token}}

    assert (await keystone.login(proofs("ann", "ann"))).status == 201
    assert (await keystone.login(proofs("admin", "secret"))).status == 401


async def test_expiry(keystone):
    token = (await keystone.auth(scope=PROJECT)).headers["x-subject-token"]
    await asyncio.sleep(3599)
    assert await keystone.works(token)
    await asyncio.sleep(1)
    assert not await keystone.works(token)
    assert (await keystone.rescope(token)).status == 404


@pytest.mark.parametrize(
    "auth",
    [
        {},
        {"identity": {}},
        {"identity": {"methods": ["password"]}},
        {"identity": {"methods": "password"}},
        {"identity": {"methods": ["password"], "password": {"user": {"name": "admin", "password": "secret"}}}},
        {"identity": {"methods": ["password"], "password": {"user": {"password": "secret"}}}},
        {"identity": {"methods": ["password"], "password": {"user": {"id": 7, "password": "secret"}}}},
        {"identity": {"methods": ["password"], "password": {"user": {"id": "x", "password": None}}}},
        {"identity": {"methods": ["password"], "password": {"user": {"name": "admin", "domain": {}, "password": "secret"}}}},
        *(
            {
                "identity": {
                    "methods": ["password"],
                    "password": {"user": {"name": "admin", "domain": {"id": "default"}, "password": "secret"}},
                },
                "scope": scope,
            }
            for scope in (
                {},
                {"project": {"name": "admin"}},
                {"system": {"all": False}},
                {"domain": {}},
                {"planet": {"id": "x"}},
                {"domain": {"id": "default"}, "system": {"all": True}},
                "everything",
            )
        ),
    ],
)
async def test_bad_requests_for_a_token(keystone, auth):
    got = await keystone.anonymous.post(f"{V3}/auth/tokens", {"auth": auth})
    assert got.status == 400 and got.json["error"]["title"] == "Bad Request", got.text


@pytest.mark.parametrize(
    "scope",
    [
        {"project": {"id": "nope"}},
        {"project": {"name": "nope", "domain": {"id": "default"}}},
        {"project": {"name": "admin", "domain": {"name": "nope"}}},
        {"domain": {"id": "nope"}},
        {"domain": {"id": "default"}},
        {"system": {"all": True}},
        {"project": {"name": "admin", "domain": {"id": "default"}}},
    ],
)
async def test_no_role_no_token(keystone, scope):
    await keystone.member("ann")
    got = await keystone.auth("ann", "ann", scope=scope)
    assert got.status == 401 and got.json["error"]["message"] == "The request you have made requires authentication."
    assert got.headers["www-authenticate"].startswith("Keystone uri=")


async def test_methods_that_are_not_ours(keystone):
    assert (await keystone.login({"methods": ["carrier pigeon"]})).status == 401


async def test_what_is_no_token(keystone):
    token = (await keystone.as_()).token
    other = (await keystone.as_()).token
    spoilt = [
        token[:-1],
        token + "A",
        "gAAAA" + "B" * 200,
        "x",
        "\u00e9",
        "A" * 5000,
        token[:40] + ("A" if token[40] != "A" else "B") + token[41:],
    ]
    for bad in spoilt:
        assert not await keystone.works(bad), bad
        assert (await validate(keystone, bad, by=other)).status == 404
        assert (await keystone.rescope(bad)).status == 404
    assert await keystone.works(token)


async def test_who_may_look_at_a_token(keystone):
    await keystone.member("ann")
    await keystone.member("bob")
    await keystone.member("svc", "service", "service")
    ann, bob, svc, admin = (
        await keystone.token("ann"),
        await keystone.token("bob"),
        await keystone.as_("svc", "svc", project="service"),
        await keystone.as_(),
    )
    for by, status in ((ann, 200), (bob, 403), (svc.token, 200), (admin.token, 200)):
        assert (await validate(keystone, ann, by=by)).status == status
    assert (await Caller(keystone.app, bob).delete(f"{V3}/auth/tokens", headers={"X-Subject-Token": ann})).status == 403
    assert (await Caller(keystone.app, bob).get(f"{V3}/auth/tokens")).status == 404
    assert await keystone.works(ann)


async def test_service_token(keystone):
    await keystone.member("ann")
    await keystone.member("svc", "service", "service")
    ann, svc = await keystone.token("ann"), (await keystone.as_("svc", "svc", project="service")).token
    assert (await keystone.identity.authenticate(ann)).service_roles == frozenset()
    both = await keystone.identity.authenticate(ann, svc)
    assert both.service_roles == {"service"} and both.user_name == "ann" and "service" not in both.roles
    assert (await Caller(keystone.app, ann).with_headers(X_Service_Token="nonsense").get(f"{V3}/regions")).status == 401


async def test_the_cache_of_tokens_is_bounded():
    async with booted(token_cache=3) as keystone:
        tokens = [(await keystone.as_()).token for _ in range(6)]
        assert len(keystone.identity.tokens.cache) == 3
        assert all([await keystone.works(t) for t in tokens])
        assert len(keystone.identity.tokens.cache) == 3


async def test_tokens_outlive_the_process(tmp_path):
    """Where there is a folder for keys: the one of the configuration, or one of the state folder."""
    async with booted() as keystone:
        for number, (config, state) in enumerate([({"key_repository": str(tmp_path / "a")}, None), ({}, tmp_path), ({}, None)]):
            config = IdentityConfig(bcrypt_cost=4, hash_threads=0, **config)
            before, after = (Identity(keystone.kit, config, state) for _ in range(2))
            await before.start()
            who = Login(password=PasswordUser(name="admin", domain=DomainRef(id="default"), password="secret"))
            token = (await before.logins.log_in(who)).token
            await after.start()
            assert (await after.tokens.find(token) is not None) is (number < 2)
    assert (tmp_path / "identity" / "fernet-keys" / "1").exists()


async def test_expired_tokens_are_forgotten(keystone):
    await keystone.as_()
    await asyncio.sleep(1800)
    token = (await keystone.as_()).token
    await asyncio.sleep(1800)
    await purge_revocations(keystone.identity)
    assert list(keystone.identity.tokens.cache) == [token]


async def test_choices(keystone):
    _, project = await keystone.member("ann")
    ann = Caller(keystone.app, (await keystone.auth("ann", "ann", scope="unscoped")).headers["x-subject-token"])
    assert [p["id"] for p in (await ann.get(f"{V3}/auth/projects")).json["projects"]] == [project]
    assert (await ann.get(f"{V3}/auth/domains")).json["domains"] == []
    assert (await ann.get(f"{V3}/auth/system")).json["system"] == []
    assert (await ann.get(f"{V3}/auth/catalog")).status == 403
    scoped = Caller(keystone.app, await keystone.token("ann"))
    catalog = (await scoped.get(f"{V3}/auth/catalog")).json["catalog"]
    assert {e["url"] for s in catalog if s["type"] == "volumev3" for e in s["endpoints"]} == {f"http://cloud/volume/v3/{project}"}


async def test_versions(keystone):
    for path in ("/identity", "/identity/"):
        got = await keystone.anonymous.get(path)
        assert got.status == 300
        version = got.json["versions"]["values"][0]
        assert version["id"] == "v3.14" and version["links"][0]["href"].endswith("/identity/v3/")
    for path in (V3, V3 + "/"):
        got = await keystone.anonymous.with_headers(X_Forwarded_Host="cloud.example", X_Forwarded_Proto="https").get(path)
        assert got.status == 200 and got.json["version"]["status"] == "stable"
        assert got.json["version"]["links"][0]["href"] == "https://cloud.example/identity/v3/"
