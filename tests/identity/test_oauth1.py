"""OAuth 1.0a: an application acts for a user, with what the user gave it. It signs as oauthlib does, which is what clients use."""

import asyncio
from urllib.parse import parse_qs

import pytest

from pileus.identity.oauth1_signatures import SignedRequest, base_string, fits, parameters
from pileus.identity.periodic import remove_expired_oauth1
from pileus.identity.service.sealing import Migrated
from tests.harness import Caller
from tests.identity.booted import V3, booted

oauth1 = pytest.importorskip("oauthlib.oauth1")
PATH = f"{V3}/OS-OAUTH1"
TOKENS = f"{V3}/auth/tokens"


def test_signatures_are_those_of_rfc_5849():
    """Section 3.4.1.1: a parameter twice, blanks, a port."""
    said = parameters('OAuth realm="Example", oauth_consumer_key="9djdj82h48djs9d2", oauth_token="kkk9d7dh3k39sjv7", '
                      'oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131201", oauth_nonce="7d8f3e4a", '
                      'oauth_signature="r6%2FTJjbCOr97%2F%2BUU0NsvSne7s5g%3D"')  # as corrected by the errata
    query = (("b5", "=%3D"), ("a3", "a"), ("c@", ""), ("a2", "r b"), ("c2", ""), ("a3", "2 q"))
    request = SignedRequest(method="post", url="http://EXAMPLE.com:80/request?b5=x", query=query, said=said)
    assert base_string(request) == (
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26"
        "oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26"
        "oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7")
    assert fits(request, "j49sk3j29djd", "dh893hdasih9") is True
    assert not fits(request, "j49sk3j29djd") and not fits(request, "", "dh893hdasih9")


@pytest.mark.parametrize("header", [None, "", "Bearer x", "OAuth", "OAuth a=b", 'OAuth a="1", a="2"', 'OAuth a="1" b="2"', 'OAuth ="x"'])
def test_what_is_no_header_of_oauth_says_nothing(header):
    assert parameters(header) is None


class App:
    """A consumer, and what it knows of tokens."""

    def __init__(self, keystone, id: str, secret: str, project: str):
        self.keystone, self.id, self.secret, self.project = keystone, id, secret, project
        self.token = self.token_secret = self.verifier = None

    def headers(self, path: str, **changed) -> dict[str, str]:
        now = str(int(self.keystone.kit.clock.now().timestamp()))
        more = {"resource_owner_key": self.token, "resource_owner_secret": self.token_secret, "verifier": self.verifier, "timestamp": now}
        client = oauth1.Client(self.id, client_secret=self.secret, **(more | changed))
        return client.sign(f"http://cloud{path}", http_method="POST")[1]

    async def post(self, path: str, json=None, headers=None, **changed):
        headers = (headers or self.headers(path, **changed)) | {"X-Forwarded-Host": "cloud"}
        return await self.keystone.anonymous.request("POST", path, json=json, headers=headers)

    def take(self, got) -> None:
        assert got.status == 201 and got.headers["content-type"] == "application/x-www-form-urlencoded", got.text
        said = {k: v[0] for k, v in parse_qs(got.text).items()}
        self.token, self.token_secret, self.expires_at = said["oauth_token"], said["oauth_token_secret"], said.get("oauth_expires_at")

    async def ask(self, project: str = "", **changed):
        path = f"{PATH}/request_token"
        return await self.post(path, headers=self.headers(path, **changed) | {"Requested-Project-Id": project or self.project})

    async def access(self, **changed):
        return await self.post(f"{PATH}/access_token", **changed)

    async def log_in(self, headers=None, scope=None, **changed):
        body = {"auth": {"identity": {"methods": ["oauth1"], "oauth1": {}}} | ({"scope": scope} if scope else {})}
        return await self.post(TOKENS, body, headers, **changed)


async def app_of(keystone) -> App:
    admin = await keystone.as_()
    made = (await admin.post(f"{PATH}/consumers", {"consumer": {"description": "printer"}})).json["consumer"]
    project = (await keystone.identity.projects.find_named("admin", "default")).id
    return App(keystone, made["id"], made["secret"], project)


async def authorized(keystone, roles=({"name": "member"},)) -> App:
    """An application with an access token of the administrator, who lends it a role."""
    app, admin = await app_of(keystone), await keystone.as_()
    app.take(await app.ask())
    got = await admin.put(f"{PATH}/authorize/{app.token}", {"roles": list(roles)})
    assert got.status == 200, got.text
    app.verifier = got.json["token"]["oauth_verifier"]
    app.take(await app.access())
    app.verifier = None
    return app


async def mine(keystone) -> str:
    return (await keystone.identity.users.find_named("admin", "default")).id


async def test_from_a_request_to_a_token(keystone):
    app, user = await authorized(keystone), await mine(keystone)
    assert app.expires_at == "2026-01-02T00:00:00.000000Z"
    got = await app.log_in()
    assert got.status == 201, got.text
    token = got.json["token"]
    assert token["methods"] == ["oauth1"] and token["user"]["id"] == user and token["project"]["id"] == app.project
    assert {r["name"] for r in token["roles"]} == {"member", "reader"}, "what was lent, and no more"
    assert token["OS-OAUTH1"] == {"access_token_id": app.token, "consumer_id": app.id}
    assert await keystone.works(got.headers["x-subject-token"])
    for method in ("HMAC-SHA256", "HMAC-SHA512", "PLAINTEXT"):
        assert (await app.log_in(signature_method=method)).status == 201


async def test_what_was_given_is_shown_and_taken_back(keystone):
    app, user, admin = await authorized(keystone), await mine(keystone), await keystone.as_()
    token = (await app.log_in()).headers["x-subject-token"]
    path = f"{V3}/users/{user}/OS-OAUTH1/access_tokens"
    shown = (await admin.get(f"{path}/{app.token}")).json["access_token"]
    assert shown | {"links": 0} == {
        "id": app.token, "consumer_id": app.id, "authorizing_user_id": user, "project_id": app.project, "links": 0,
        "expires_at": "2026-01-02T00:00:00.000000Z",
    }
    assert (await admin.get(path)).json["access_tokens"] == [shown] and "secret" not in str(shown)
    [role] = (await admin.get(f"{path}/{app.token}/roles")).json["roles"]
    assert role["name"] == "member" and (await admin.get(f"{path}/{app.token}/roles/{role['id']}")).json["role"]["id"] == role["id"]
    ann, _ = await keystone.member("ann")
    for other in (f"{path}/missing", f"{path}/{app.token}/roles/missing", f"{V3}/users/{ann}/OS-OAUTH1/access_tokens/{app.token}"):
        assert (await admin.get(other)).status == 404
    stranger = await keystone.as_("ann", "ann", project="ann")
    assert [(await stranger.get(path)).status, (await stranger.delete(f"{path}/{app.token}")).status] == [403, 403]
    assert (await admin.delete(f"{path}/{app.token}")).status == 204
    assert not await keystone.works(token) and (await app.log_in()).status == 401


async def test_nobody_gets_in_by_a_wrong_signature(keystone):
    app = await authorized(keystone)
    other = await app_of(keystone)
    for wrong in ({"client_secret": "x"}, {"resource_owner_secret": "x"}, {"resource_owner_key": "x"},
                  {"timestamp": "1"}, {"timestamp": "9" * 12}, {"timestamp": "soon"}):
        secret = wrong.pop("client_secret", None)
        asking = App(keystone, app.id, secret or app.secret, app.project)
        asking.token, asking.token_secret = app.token, app.token_secret
        for method in ("HMAC-SHA1", "PLAINTEXT"):
            assert (await asking.log_in(signature_method=method, **wrong)).status == 401, (wrong, method)
    other.token, other.token_secret = app.token, app.token_secret
    assert (await other.log_in()).status == 401, "another application's"
    elsewhere = app.headers(f"{V3}/users")
    assert (await app.log_in(headers=elsewhere)).status == 401, "signed for another address"
    for name in ("oauth_nonce", "oauth_timestamp", "oauth_signature", "oauth_consumer_key", "oauth_token"):
        lacking = app.headers(TOKENS)["Authorization"].replace(name, "x_" + name)
        assert (await app.log_in(headers={"Authorization": lacking})).status == 400, name
    for header in ({}, {"Authorization": "Bearer x"}):
        assert (await app.log_in(headers=header or {"X-Nothing": "1"})).status == 400


async def test_a_signature_is_good_once_and_soon(keystone):
    app = await authorized(keystone)
    headers, late = app.headers(TOKENS), app.headers(TOKENS)
    at_once = await asyncio.gather(*(app.log_in(headers=headers) for _ in range(4)))
    assert sorted(a.status for a in at_once) == [201, 401, 401, 401]
    await asyncio.sleep(601)
    assert [(await app.log_in(headers=h)).status for h in (headers, late)] == [401, 401]
    assert (await app.log_in()).status == 201


async def test_a_request_token_becomes_an_access_token_once_and_only_when_a_user_agreed(keystone):
    app, admin = await app_of(keystone), await keystone.as_()
    app.take(await app.ask())
    assert (await app.access()).status == 400, "without a verifier"
    assert (await app.access(verifier="x")).status == 401, "before anybody agreed"
    got = await admin.put(f"{PATH}/authorize/{app.token}", {"roles": [{"name": "member"}]})
    thief = await app_of(keystone)
    thief.token, thief.token_secret, verifier = app.token, app.token_secret, got.json["token"]["oauth_verifier"]
    assert (await thief.access(verifier=verifier)).status == 401
    assert (await app.access(verifier=verifier + "x")).status == 401
    both = await asyncio.gather(*(app.access(verifier=verifier) for _ in range(3)))
    assert sorted(b.status for b in both) == [201, 404, 404]


async def test_bad_input_changes_nothing(keystone):
    app, admin = await app_of(keystone), await keystone.as_()
    assert (await app.ask("missing")).status == 404
    assert (await app.post(f"{PATH}/request_token")).status == 400
    assert (await App(keystone, "missing", "x", app.project).ask()).status == 401
    assert (await keystone.anonymous.get(f"{PATH}/request_token")).status == 405
    app.take(await app.ask())
    path = f"{PATH}/authorize/{app.token}"
    nobody = await admin.post(f"{V3}/roles", {"role": {"name": "nobody-has-it"}})
    for roles, status in (([{"id": nobody.json["role"]["id"]}], 401), ([{"name": "missing"}], 401), ([{}], 400),
                          ([{"id": "x", "name": "y"}], 400), ("member", 400)):
        assert (await admin.put(path, {"roles": roles})).status == status, roles
    assert (await admin.put(f"{PATH}/authorize/missing", {"roles": []})).status == 404
    await keystone.member("ann")
    assert (await (await keystone.as_("ann", "ann", project="ann")).put(path, {"roles": []})).status == 403


async def test_OSSA_2020_005_roles_and_scope_stay_those_that_were_lent(keystone):
    app, user = await authorized(keystone), await mine(keystone)
    assert (await app.log_in(scope={"system": {"all": True}})).status == 400
    token = (await app.log_in()).headers["x-subject-token"]
    for scope in (None, "unscoped", {"project": {"id": app.project}}, {"system": {"all": True}}):
        assert (await keystone.rescope(token, scope)).status == 403
    caller = Caller(keystone.app, token)
    assert (await caller.get(f"{V3}/users/{user}/credentials/OS-EC2")).status == 403
    assert (await caller.get(f"{V3}/credentials")).status == 403
    made = await caller.post(f"{V3}/users/{user}/application_credentials", {"application_credential": {"name": "x"}})
    assert made.status == 403
    again = await app_of(keystone)
    again.take(await again.ask())
    assert (await caller.put(f"{PATH}/authorize/{again.token}", {"roles": [{"name": "member"}]})).status == 403
    assert await keystone.works(token)


GONE = ("consumer", "user disabled", "role", "project disabled", "expired")


@pytest.mark.parametrize("gone", GONE)
async def test_what_was_had_by_it_ends_with_what_it_stands_on(gone):
    async with booted(token_expiration_s=200_000) as keystone:
        user, project = await keystone.member("ann", role="admin")
        app = await app_of(keystone)
        app.project = project
        app.take(await app.ask())
        ann, admin = await keystone.as_("ann", "ann", project="ann"), await keystone.as_()
        got = await ann.put(f"{PATH}/authorize/{app.token}", {"roles": [{"name": "member"}]})
        app.verifier = got.json["token"]["oauth_verifier"]
        app.take(await app.access())
        token = (await app.log_in()).headers["x-subject-token"]
        assert await keystone.works(token)
        role = (await keystone.identity.roles.find_named("admin")).id
        how = {"consumer": ("DELETE", f"{PATH}/consumers/{app.id}", None),
               "user disabled": ("PATCH", f"{V3}/users/{user}", {"user": {"enabled": False}}),
               "role": ("DELETE", f"{V3}/projects/{project}/users/{user}/roles/{role}", None),
               "project disabled": ("PATCH", f"{V3}/projects/{project}", {"project": {"enabled": False}})}
        if gone == "expired":
            await asyncio.sleep(86_400)
        else:
            method, path, body = how[gone]
            assert (await admin.request(method, path, json=body)).status in (200, 204)
        assert not await keystone.works(token) and (await app.log_in()).status == 401


async def test_what_has_expired_is_forgotten(keystone):
    app = await authorized(keystone)
    waiting = await app_of(keystone)
    waiting.take(await waiting.ask())
    assert await remove_expired_oauth1(keystone.identity) is None
    await asyncio.sleep(28_800)
    assert (await (await keystone.as_()).put(f"{PATH}/authorize/{waiting.token}", {"roles": []})).status == 401
    assert await remove_expired_oauth1(keystone.identity) == "4 removed"  # a request token and three nonces
    assert (await app.log_in()).status == 201


async def test_its_secrets_move_with_the_keys(keystone):
    app = await authorized(keystone)
    for _ in range(5):
        await keystone.identity.sealing.rotate()
        assert await keystone.identity.sealing.migrate() == Migrated(2, 0)
    assert (await app.log_in()).status == 201
