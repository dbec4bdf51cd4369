"""Federation: what is known of identity providers, and logins by the headers of a web server in front."""

from datetime import timedelta

import pytest

from pileus.identity.federation.assertions import of_headers
from tests.harness import Caller
from tests.identity.booted import V3, booted
from tests.identity.test_projects import create

FED = f"{V3}/OS-FEDERATION"
RULES = [
    {
        "local": [{"user": {"name": "{0}", "email": "{1}"}}, {"groups": "{2}", "domain": {"id": "default"}}],
        "remote": [{"type": "MELLON_NAME"}, {"type": "MELLON_EMAIL"}, {"type": "MELLON_GROUPS", "whitelist": ["dev", "ops"]}],
    }
]
ANN = {"mellon-name": "Ann", "mellon-email": "ann@x", "mellon-groups": "dev;guests", "mellon-idp": "https://idp"}
AUTH = f"{FED}/identity_providers/corp/protocols/saml2/auth"


async def setup(admin, rules=RULES, version="1.0", **idp):
    body = {"enabled": True, "remote_ids": ["https://idp"]} | idp
    made = await admin.put(f"{FED}/identity_providers/corp", {"identity_provider": body})
    assert made.status == 201, made.text
    got = await admin.put(f"{FED}/mappings/m", {"mapping": {"rules": rules, "schema_version": version}})
    assert got.status == 201, got.text
    protocol = {"protocol": {"mapping_id": "m", "remote_id_attribute": "MELLON_IDP"}}
    assert (await admin.put(f"{FED}/identity_providers/corp/protocols/saml2", protocol)).status == 201
    return made.json["identity_provider"]


async def login(keystone, headers=ANN, path=AUTH):
    return await keystone.anonymous.request("POST", path, headers=headers)


@pytest.fixture
def fronted():
    return booted(trusted_proxies=("127.0.0.0/8",))


async def test_resources(keystone):
    admin = await keystone.as_()
    idp = await setup(admin)
    domain = (await admin.get(f"{V3}/domains/{idp['domain_id']}")).json["domain"]
    assert domain["enabled"] and idp["links"]["protocols"].endswith("/identity_providers/corp/protocols")
    assert (await admin.get(f"{FED}/identity_providers?id=corp&enabled=true")).json["identity_providers"] == [idp]
    path = f"{FED}/identity_providers/corp"
    changed = await admin.patch(path, {"identity_provider": {"description": "d", "authorization_ttl": 5}})
    assert changed.json["identity_provider"] == idp | {"description": "d", "authorization_ttl": 5}
    assert (await admin.patch(path, {"identity_provider": {"domain_id": "default"}})).status == 403
    other = {"identity_provider": {"remote_ids": ["https://idp"]}}
    assert (await admin.put(f"{FED}/identity_providers/other", other)).status == 409
    assert (await admin.get(f"{FED}/identity_providers/other")).status == 404
    assert (await admin.put(path, {"identity_provider": {}})).status == 409
    assert (await admin.put(f"{FED}/identity_providers/{'x' * 65}", {"identity_provider": {}})).status == 400
    protocol = (await admin.get(f"{path}/protocols")).json["protocols"][0]
    assert protocol["id"] == "saml2" and (await admin.get(f"{path}/protocols/saml2")).json["protocol"] == protocol
    assert (await admin.put(f"{path}/protocols/oidc", {"protocol": {"mapping_id": "nope"}})).status == 400
    assert (await admin.patch(f"{path}/protocols/saml2", {"protocol": {"mapping_id": "nope"}})).status == 400
    assert (await admin.put(f"{FED}/mappings/bad", {"mapping": {"rules": []}})).status == 400
    assert (await admin.patch(f"{FED}/mappings/m", {"mapping": {"schema_version": "9"}})).status == 400
    named = {"id": "m2", "rules": (await admin.get(f"{FED}/mappings/m")).json["mapping"]["rules"], "schema_version": "1.0"}
    assert (await admin.put(f"{FED}/mappings/other", {"mapping": named})).status == 400
    assert (await admin.put(f"{FED}/mappings/m2", {"mapping": named})).status == 201, "openstacksdk repeats the id"
    assert (await admin.patch(f"{FED}/mappings/m2", {"mapping": {"id": "m2", "rules": named["rules"]}})).status == 200
    assert (await admin.delete(f"{FED}/mappings/m")).status == 409  # a protocol has it
    sp = {"auth_url": "https://sp/v3", "sp_url": "https://sp/sso"}
    made = (await admin.put(f"{FED}/service_providers/sp", {"service_provider": sp})).json["service_provider"]
    assert made["enabled"] is False and made["relay_state_prefix"] == "ss:mem:"
    assert (await admin.patch(f"{FED}/service_providers/sp", {"service_provider": {"enabled": True}})).status == 200
    assert (await admin.patch(f"{FED}/service_providers/sp", {"service_provider": {"sp_url": "javascript:x"}})).status == 400
    for gone in (f"{path}/protocols/saml2", f"{FED}/mappings/m", path, f"{FED}/service_providers/sp"):
        assert (await admin.delete(gone)).status == 204 and (await admin.get(gone)).status == 404


async def test_nobody_in_front_is_believed_unless_configured(keystone):
    admin = await keystone.as_()
    await setup(admin)
    assert (await login(keystone)).status == 401
    async with booted(trusted_proxies=("10.0.0.0/8",)) as other:
        await setup(await other.as_())
        assert (await login(other)).status == 401


async def test_a_shadow_user_comes_into_being_and_is_known_again(fronted):
    admin = await fronted.as_()
    idp = await setup(admin)
    group = (await create(admin, "group", name="dev"))["id"]
    _, project = await fronted.member("x", "shared")
    role = next(r["id"] for r in (await admin.get(f"{V3}/roles")).json["roles"] if r["name"] == "member")
    await admin.put(f"{V3}/projects/{project}/groups/{group}/roles/{role}")
    got = await login(fronted)
    assert got.status == 201, got.text
    token = got.json["token"]
    assert token["methods"] == ["saml2"] and "project" not in token
    assert token["user"]["name"] == "Ann" and token["user"]["domain"]["id"] == idp["domain_id"]
    assert token["user"]["OS-FEDERATION"] == {
        "identity_provider": {"id": "corp"}, "protocol": {"id": "saml2"}, "groups": [{"id": group}]
    }
    ann = Caller(fronted.app, got.headers["x-subject-token"])
    assert [p["id"] for p in (await ann.get(f"{FED}/projects")).json["projects"]] == [project]
    assert (await ann.get(f"{FED}/domains")).json["domains"] == []
    scoped = await fronted.rescope(ann.token, {"project": {"id": project}})
    assert scoped.status == 201 and scoped.json["token"]["expires_at"] == token["expires_at"]
    again = (await login(fronted, ANN | {"mellon-email": "new@x"})).json["token"]["user"]
    user = (await admin.get(f"{V3}/users/{again['id']}")).json["user"]
    assert again["id"] == token["user"]["id"] and user["email"] == "new@x"
    ends = (await admin.get(f"{V3}/users/{again['id']}/groups")).json["groups"][0]["membership_expires_at"]
    assert ends is not None
    assert (await admin.get(f"{V3}/groups/{group}/users")).json["users"][0]["id"] == again["id"]


async def test_groups_follow_the_provider(fronted):
    admin = await fronted.as_()
    await setup(admin)
    dev, ops = [(await create(admin, "group", name=name))["id"] for name in ("dev", "ops")]
    user = (await login(fronted)).json["token"]["user"]["id"]

    async def groups():
        return {g["id"] for g in (await admin.get(f"{V3}/users/{user}/groups")).json["groups"]}

    assert await groups() == {dev}
    await login(fronted, ANN | {"mellon-groups": "ops"})
    assert await groups() == {ops}
    await admin.put(f"{V3}/groups/{ops}/users/{user}")  # now for good
    await login(fronted, ANN | {"mellon-groups": "dev"})
    assert await groups() == {dev, ops}
    later = fronted.kit.clock.now() + timedelta(hours=3)
    async with fronted.kit.db.transaction():
        assert await fronted.identity.core.store.federated_users.drop_expired(later) == 1
    assert await groups() == {ops}


async def test_who_is_refused(fronted):
    admin = await fronted.as_()
    await setup(admin)
    users = (await admin.get(f"{V3}/users")).json["users"]
    for headers, status in (
        (ANN | {"mellon-idp": "https://other"}, 403),
        ({k: v for k, v in ANN.items() if k != "mellon-idp"}, 403),
        ({k: v for k, v in ANN.items() if k != "mellon-name"}, 401),
        (ANN | {"mellon-name": "x" * 256}, 401),
        (ANN | {"mellon-name": " "}, 401),
    ):
        assert (await login(fronted, headers)).status == status, headers
    assert (await login(fronted, path=AUTH.replace("corp", "nope"))).status == 404
    assert (await login(fronted, path=AUTH.replace("saml2", "nope"))).status == 404
    assert (await admin.get(f"{V3}/users")).json["users"] == users


async def test_tokens_end_with_the_provider(fronted):
    admin = await fronted.as_()
    await setup(admin)
    token = (await login(fronted)).headers["x-subject-token"]
    path = f"{FED}/identity_providers/corp"
    await admin.patch(path, {"identity_provider": {"enabled": False}})
    assert not await fronted.works(token) and (await login(fronted)).status == 403
    await admin.patch(path, {"identity_provider": {"enabled": True}})
    assert await fronted.works(token)
    await admin.delete(path)
    assert not await fronted.works(token)


async def test_projects_of_a_mapping(fronted):
    admin = await fronted.as_()
    local = [{"user": {"name": "{0}"}}, {"projects": [{"name": "p of {0}", "roles": [{"name": "reader"}, {"name": "member"}]}]}]
    rules = [{"local": local, "remote": [{"type": "MELLON_NAME"}]}]
    idp = await setup(admin, rules, "3.0")
    token = (await login(fronted)).headers["x-subject-token"]
    ann = Caller(fronted.app, token)
    project = (await ann.get(f"{FED}/projects")).json["projects"][0]
    assert (project["name"], project["domain_id"]) == ("p of Ann", idp["domain_id"])
    assert (await fronted.rescope(token, {"project": {"id": project["id"]}})).status == 201
    local[1] = {"projects": [{"name": "other", "roles": [{"name": "reader"}]}]}
    await admin.patch(f"{FED}/mappings/m", {"mapping": {"rules": rules}})
    await login(fronted)
    assert [p["name"] for p in (await ann.get(f"{FED}/projects")).json["projects"]] == ["other"]  # version 3 takes away, too
    local[1]["projects"][0]["roles"] = [{"name": "no-such-role"}]
    await admin.patch(f"{FED}/mappings/m", {"mapping": {"rules": rules}})
    assert (await login(fronted)).status == 401
    assert [p["name"] for p in (await ann.get(f"{FED}/projects")).json["projects"]] == ["other"]


async def test_local_users_are_there_already(fronted):
    admin = await fronted.as_()
    user, _ = await fronted.member("ann")
    rules = [{"local": [{"user": {"name": "{0}", "type": "local", "domain": {"id": "default"}}}], "remote": [{"type": "MELLON_NAME"}]}]
    await setup(admin, rules)
    got = await login(fronted, ANN | {"mellon-name": "ann"})
    assert got.json["token"]["user"]["id"] == user and "OS-FEDERATION" not in got.json["token"]["user"]
    assert (await login(fronted, ANN | {"mellon-name": "nobody"})).status == 401


async def test_two_people_of_one_name_are_two_users(fronted):
    admin = await fronted.as_()
    rules = [{"local": [{"user": {"id": "{1}", "name": "{0}"}}], "remote": [{"type": "MELLON_NAME"}, {"type": "MELLON_EMAIL"}]}]
    await setup(admin, rules)
    one = (await login(fronted)).json["token"]["user"]
    two = (await login(fronted, ANN | {"mellon-email": "other@x"})).json["token"]["user"]
    assert one["id"] != two["id"] and one["name"] == "Ann" and two["name"] != "Ann"


def test_headers_are_read_as_web_servers_write_them():
    said = of_headers({"shib-name": "Zo\u00eb".encode().decode("latin-1"), "x-auth-token": "t", "authorization": "a"})
    assert said == {"shib-name": ["Zoë"], "SHIB_NAME": ["Zoë"], "HTTP_SHIB_NAME": ["Zoë"]}


async def test_as_a_method_of_the_ordinary_login(fronted):
    """With a scope at once, when the mapping gives one; the headers are believed here no more than there."""
    admin = await fronted.as_()
    local = [{"user": {"name": "{0}"}}, {"projects": [{"name": "p", "roles": [{"name": "reader"}]}]}]
    idp = await setup(admin, [{"local": local, "remote": [{"type": "MELLON_NAME"}]}])
    identity = {"methods": ["saml2"], "saml2": {"identity_provider": "corp", "protocol": "saml2"}}

    async def ask(headers, identity=identity, **scope):
        return await fronted.anonymous.request("POST", f"{V3}/auth/tokens", json={"auth": {"identity": identity} | scope}, headers=headers)

    project = {"project": {"name": "p", "domain": {"id": idp["domain_id"]}}}
    got = await ask(ANN, scope=project)
    assert got.status == 201 and [r["name"] for r in got.json["token"]["roles"]] == ["reader"], got.text
    assert "project" not in (await ask(ANN)).json["token"]
    assert (await ask({}, scope=project)).status == 403
    assert (await ask(ANN, scope={"system": {"all": True}})).status == 401
    ann, _ = await fronted.member("ann")
    both = identity | {"methods": ["saml2", "password"], "password": {"user": {"id": ann, "password": "ann"}}}
    for wrong in (both, both | {"methods": ["password", "saml2"]}, {"methods": ["mapped"]}, {"methods": ["mapped"], "mapped": {}}):
        assert (await ask(ANN, wrong)).status == 400
