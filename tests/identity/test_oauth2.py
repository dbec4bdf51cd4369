"""OAuth 2.0 by client credentials: an application credential is the client."""

import base64

from tests.harness import Caller
from tests.identity.booted import V3

PATH = f"{V3}/OS-OAUTH2/token"
GRANT = "grant_type=client_credentials"


async def ask(keystone, form: str, *, kind="application/x-www-form-urlencoded", **headers):
    return await keystone.anonymous.request("POST", PATH, body=form.encode(), headers={"content-type": kind} | headers)


async def client(keystone) -> tuple[str, str]:
    user, _ = await keystone.member("ann")
    ann = await keystone.as_("ann", "ann", project="ann")
    made = await ann.post(f"{V3}/users/{user}/application_credentials", {"application_credential": {"name": "c"}})
    found = made.json["application_credential"]
    return found["id"], found["secret"]


def basic(id, secret):
    return {"authorization": "Basic " + base64.b64encode(f"{id}:{secret}".encode()).decode()}


async def test_a_client_gets_a_token_and_uses_it_as_a_bearer(keystone):
    id, secret = await client(keystone)
    for got in (await ask(keystone, GRANT, **basic(id, secret)), await ask(keystone, f"{GRANT}&client_id={id}&client_secret={secret}")):
        assert got.status == 200, got.text
        assert got.json["token_type"] == "Bearer" and 3590 <= got.json["expires_in"] <= 3600
        assert got.headers["cache-control"] == "no-store"
        assert await keystone.works(got.json["access_token"])
        bare = Caller(keystone.app, "").with_headers(Authorization=f"Bearer {got.json['access_token']}")
        assert (await bare.get(f"{V3}/regions")).status == 200
    wrong = Caller(keystone.app, "").with_headers(Authorization="Bearer nonsense")
    assert (await wrong.get(f"{V3}/regions")).status == 401


async def test_what_is_refused(keystone):
    id, secret = await client(keystone)
    for form, headers, status, error in (
        ("", {}, 400, "invalid_request"),
        ("grant_type=password", {}, 400, "unsupported_grant_type"),
        (f"{GRANT}&{GRANT}", basic(id, secret), 400, "invalid_request"),
        (GRANT, {}, 401, "invalid_client"),
        (GRANT, basic(id, "wrong"), 401, "invalid_client"),
        (GRANT, basic("nope", secret), 401, "invalid_client"),
        (GRANT, basic("", ""), 401, "invalid_client"),
        (GRANT, {"authorization": "Basic ????"}, 401, "invalid_client"),
        (f"{GRANT}&client_id={id}", {}, 401, "invalid_client"),
    ):
        got = await ask(keystone, form, **headers)
        assert (got.status, got.json["error"]) == (status, error), (form, headers, got.text)
    assert (await ask(keystone, GRANT, kind="application/json", **basic(id, secret))).status == 415
    assert (await ask(keystone, GRANT + "&x=" + "y" * 20_000, **basic(id, secret))).status == 413
