"""Attacks that worked on OpenStack once, by the number of their advisory. Revocation has its own in test_revocation,
passwords in test_passwords."""

import asyncio
import logging
from collections import defaultdict

import pytest

from pileus.identity.api import API
from tests.harness import Caller
from tests.identity.booted import V3
from tests.identity.test_access import BODIES, CLOSED, call, ids, refusal
from tests.identity.test_projects import create


async def test_CVE_2026_42999_no_key_of_a_body_reaches_the_policys_target(keystone):
    """Row 19: a domain's manager claims, in the body of every request that has one, that the target is in their domain."""
    admin = await keystone.as_()
    known = await ids(keystone)
    mine = (await create(admin, "domain", name="mine"))["id"]
    eve = await keystone.identity.create_user("eve", "eve")
    await keystone.identity.assign_role("manager", user_id=eve.id, domain_id=mine)
    caller = await keystone.as_("eve", "eve", scope={"domain": {"id": mine}})
    inside = {"id": eve.id, "domain_id": mine, "name": "member"}
    claims = {
        "target": {kind: inside for kind in ("user", "group", "project", "role", "domain", "token")} | {"domain_id": mine},
        "target.user.domain_id": mine,
        "domain_id": mine,
        "user_id": eve.id,
        "project_id": None,
        "roles": ["admin"],
        "is_admin": True,
        **{f"target.{kind}.domain_id": mine for kind in ("group", "project", "role")},
        "target.domain.id": mine,
    }
    theirs = await keystone.token("ann")
    for method, path in CLOSED:
        if method not in ("POST", "PUT", "PATCH", "DELETE") or "{" not in path:
            continue
        body = {key: (value | claims if isinstance(value, dict) else value) for key, value in BODIES.items()} | claims
        url = "/identity" + path.format_map(defaultdict(lambda: "missing", known))
        got = await caller.request(method, url, json=body, headers={"X-Subject-Token": theirs})
        assert got.status == refusal(path), (method, path, got.status, got.text)


HEADERS = {
    "X-Roles": "admin",
    "X-Role": "admin",
    "X-User-Id": "admin",
    "X-User-Name": "admin",
    "X-User": "admin",
    "X-Project-Id": "admin",
    "X-Tenant-Id": "admin",
    "X-Domain-Id": "default",
    "X-User-Domain-Id": "default",
    "X-Is-Admin-Project": "True",
    "X-Identity-Status": "Confirmed",
    "X-System-Scope": "all",
    "OpenStack-System-Scope": "all",
    "X-Service-Roles": "service,admin",
    "X-Service-Identity-Status": "Confirmed",
    "X-Service-Catalog": "[]",
    "Remote-User": "admin",
    "X-Remote-User": "admin",
    "X-Is-Admin": "1",
}


async def test_OSSA_2026_001_identity_headers_are_never_believed(keystone):
    """Row 22 of the list of advisories."""
    known = await ids(keystone)
    await keystone.member("eve", "eve", "reader")
    eve = await keystone.as_("eve", "eve", project="eve")
    for method, path in CLOSED:
        assert (await call(eve, method, path, known, **HEADERS)).status in (403, 404), (method, path)
        assert (await call(keystone.anonymous, method, path, known, **HEADERS)).status == 401, (method, path)
    told = (await keystone.identity.authenticate(eve.token)).roles
    assert told == {"reader"}


@pytest.mark.parametrize(
    "wrong", ["no such user", "no such domain", "wrong password", "disabled user", "disabled domain", "no password", "by id"]
)
async def test_OSSA_2021_003_a_refused_login_tells_nothing(keystone, wrong):
    """Row 26: word for word the same answer, whatever was wrong, and no id in it."""
    admin = await keystone.as_()
    domain = (await create(admin, "domain", name="d"))["id"]
    user = (await create(admin, "user", name="ann", password="ann", domain_id=domain))["id"]
    await create(admin, "user", name="nopw", domain_id=domain)
    if wrong == "disabled user":
        await admin.patch(f"{V3}/users/{user}", {"user": {"enabled": False}})
    if wrong == "disabled domain":
        await admin.patch(f"{V3}/domains/{domain}", {"domain": {"enabled": False}})
    if wrong == "by id":
        got = await keystone.login({"methods": ["password"], "password": {"user": {"id": user, "password": "x"}}})
    else:
        got = await keystone.auth(
            {"no such user": "bob", "no password": "nopw"}.get(wrong, "ann"),
            "x" if wrong == "wrong password" else "ann",
            domain="nope" if wrong == "no such domain" else "d",
        )
    assert got.status == 401
    assert got.json == {
        "error": {"code": 401, "title": "Unauthorized", "message": "The request you have made requires authentication."}
    }


async def test_OSSA_2016_008_no_rescope_renews_an_expiry(keystone):
    """Row 27 of the list of advisories."""
    await keystone.member("ann")
    token = (await keystone.auth("ann", "ann", scope="unscoped")).headers["x-subject-token"]
    for _ in range(5):
        await asyncio.sleep(700)
        got = await keystone.rescope(token, {"project": {"name": "ann", "domain": {"id": "default"}}})
        assert got.json["token"]["expires_at"] == "2026-01-01T01:00:00.000000Z"
        token = got.headers["x-subject-token"]
    await asyncio.sleep(101)
    assert not await keystone.works(token)


async def test_OSSA_2020_001_no_secret_reaches_a_log_or_an_answer(keystone, caplog):
    """Row 38 of the list of advisories."""
    caplog.set_level(logging.DEBUG)
    admin = await keystone.as_()
    user = (await create(admin, "user", name="ann", password="hunter2-hunter2"))["id"]
    texts = [
        (await admin.get(f"{V3}/users/{user}")).text,
        (await admin.get(f"{V3}/users")).text,
        (await keystone.auth("ann", "hunter2-hunter3")).text,
        (await admin.patch(f"{V3}/users/{user}", {"user": {"password": ["hunter2-hunter2"]}})).text,
        (
            await keystone.login(
                {"methods": ["password"], "password": {"user": {"id": user, "password": {"x": "hunter2-hunter2"}}}}
            )
        ).text,
    ]
    assert not any("hunter2" in text or "$2b$" in text for text in [*texts, caplog.text])
    assert admin.token not in caplog.text


async def test_somebody_elses_token_in_the_wrong_header_does_nothing(keystone):
    """The subject of a request is not its author, and a service's token is not the user's."""
    await keystone.member("eve")
    eve, admin = await keystone.token("eve"), await keystone.as_()
    for header in ("X-Service-Token", "X-Subject-Token"):
        got = await Caller(keystone.app, eve).get(f"{V3}/users", headers={header: admin.token})
        assert got.status == 403, header
    assert (await keystone.anonymous.get(f"{V3}/users", headers={"X-Service-Token": admin.token})).status == 401


def test_routes_under_test_are_all_of_them():
    assert len(CLOSED) > 90 and len(API.routes) == len({(r.method, r.path) for r in API.routes})
