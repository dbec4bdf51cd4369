"""What Keystone itself answered to the same requests, where it was once answered otherwise here."""

import pytest

from tests.identity.booted import V3

ADMIN = {"methods": ["password"], "password": {"user": {"name": "admin", "domain": {"id": "default"}, "password": "secret"}}}


async def made(admin, kind: str, **body):
    got = await admin.post(f"{V3}/{kind}s", {kind: body})
    assert got.status == 201, got.text
    return got.json[kind]["id"]


# ---- headers ---------------------------------------------------------------------------------------------------------
async def test_answers_depend_on_the_token_and_say_so(keystone):
    admin = await keystone.as_()
    for path in ("", "/users", "/users/missing", "/nothing", "/auth/projects"):
        for caller in (keystone.anonymous, admin):
            assert (await caller.get(V3 + path)).headers["vary"] == "X-Auth-Token", path
    subject = {"X-Subject-Token": admin.token}
    for _ in range(2):  # worked out, and given again
        assert (await admin.get(f"{V3}/auth/tokens", headers=subject)).headers["vary"] == "X-Auth-Token"


async def test_head_of_a_token_has_the_headers_of_get(keystone):
    admin = await keystone.as_()
    subject = {"X-Subject-Token": admin.token}
    got = await admin.request("HEAD", f"{V3}/auth/tokens", headers=subject)
    assert got.status == 200 and got.headers["x-subject-token"] == admin.token and got.text == ""
    assert got.headers["content-type"] == "application/json"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "application/json-patch"])
async def test_what_is_not_called_json_is_a_bad_request(keystone, kind):
    admin = await keystone.as_()
    for path, body in (("/auth/tokens", b'{"auth": {}}'), ("/users", b'{"user": {"name": "x"}}')):
        got = await admin.request("POST", V3 + path, body=body, headers={"Content-Type": kind})
        assert got.status == 400 and "Content-Type" in got.json["error"]["message"]
    assert (await admin.get(f"{V3}/users?name=x")).json["users"] == []


# ---- logins ----------------------------------------------------------------------------------------------------------
async def test_unscoped_in_its_older_spelling(keystone):
    got = await keystone.login(ADMIN, {"unscoped": {}})
    assert got.status == 201 and "project" not in got.json["token"] and "roles" not in got.json["token"]
    assert (await keystone.login(ADMIN, {"unscoped": {}, "system": {"all": True}})).status == 400


async def test_a_scope_of_null_is_a_bad_request(keystone):
    got = await keystone.anonymous.post(f"{V3}/auth/tokens", {"auth": {"identity": ADMIN, "scope": None}})
    assert got.status == 400


async def test_unsupported_methods_are_answered_with_the_supported_ones(keystone):
    got = await keystone.login({"methods": ["palm"], "palm": {}})
    assert got.status == 401 and {"password", "token", "totp"} <= set(got.json["error"]["identity"]["methods"])
    assert (await keystone.login({"methods": []})).status == 401


async def test_a_trust_for_somebody_else_is_forbidden(keystone):
    trustor, project = await keystone.member("trustor")
    trustee, _ = await keystone.member("trustee")
    await keystone.member("thief")
    alice = await keystone.as_("trustor", "trustor", project="trustor")
    body = {"trustor_user_id": trustor, "trustee_user_id": trustee, "impersonation": True, "project_id": project}
    trust = (await alice.post(f"{V3}/OS-TRUST/trusts", {"trust": body | {"roles": [{"name": "member"}]}})).json["trust"]["id"]
    assert (await keystone.auth("thief", "thief", scope={"OS-TRUST:trust": {"id": trust}})).status == 403
    assert (await keystone.auth("thief", "thief", scope={"OS-TRUST:trust": {"id": "missing"}})).status == 401
    assert (await keystone.auth("trustee", "trustee", scope={"OS-TRUST:trust": {"id": trust}})).status == 201


# ---- resources -------------------------------------------------------------------------------------------------------
async def test_a_domain_with_an_id_of_ones_own(keystone):
    admin = await keystone.as_()
    id = "0123456789abcdef" * 2
    assert await made(admin, "domain", name="mirrored", explicit_domain_id=id) == id
    for again in ({"name": "other", "explicit_domain_id": id}, {"name": "mirrored"}):
        assert (await admin.post(f"{V3}/domains", {"domain": again})).status == 409
    for wrong in ("default2", "", "g" * 32, 5):
        assert (await admin.post(f"{V3}/domains", {"domain": {"name": "z", "explicit_domain_id": wrong}})).status == 400
    got = await admin.patch(f"{V3}/domains/{id}", {"domain": {"description": "d", "explicit_domain_id": "f" * 32}})
    assert got.json["domain"]["id"] == id and "explicit_domain_id" not in got.json["domain"]


async def test_a_key_named_extra_is_not_kept(keystone):
    admin = await keystone.as_()
    id = await made(admin, "user", name="x", extra={"a": 1}, email="x@y")
    shown = (await admin.get(f"{V3}/users/{id}")).json["user"]
    assert "extra" not in shown and shown["email"] == "x@y"


async def test_flags_of_lists_are_yes_or_no(keystone):
    admin = await keystone.as_()
    for path in ("users?enabled=maybe", "projects?is_domain=2", "domains?enabled=maybe", "services?enabled=maybe"):
        assert (await admin.get(f"{V3}/{path}")).status == 400, path
    for value in ("", "true", "False", "0", "1", "yes", "off", "Y", "n"):
        assert (await admin.get(f"{V3}/users?enabled={value}")).status == 200, value


async def test_endpoints_are_not_filtered_by_an_interface_there_is_not(keystone):
    admin = await keystone.as_()
    assert (await admin.get(f"{V3}/endpoints?interface=bogus")).status == 400


async def test_a_child_is_in_the_domain_that_its_parent_is_in_only_when_that_is_said(keystone):
    admin = await keystone.as_()
    domain = await made(admin, "domain", name="d")
    parent = await made(admin, "project", name="p", domain_id=domain)
    assert (await admin.post(f"{V3}/projects", {"project": {"name": "c", "parent_id": parent}})).status == 400
    assert (await admin.post(f"{V3}/projects", {"project": {"name": "c", "parent_id": parent, "domain_id": domain}})).status == 201


async def test_tags_and_rules_do_not_come_twice(keystone):
    admin = await keystone.as_()
    for kind in ("project", "domain"):
        assert (await admin.post(f"{V3}/{kind}s", {kind: {"name": "x", "tags": ["a", "a"]}})).status == 400
    rules = {"multi_factor_auth_rules": [["password"], ["password"]]}
    assert (await admin.post(f"{V3}/users", {"user": {"name": "x", "options": rules}})).status == 400


async def test_a_project_may_be_changed_in_nothing(keystone):
    admin = await keystone.as_()
    id = await made(admin, "project", name="p")
    assert (await admin.patch(f"{V3}/projects/{id}", {"project": {}})).json["project"]["name"] == "p"


async def test_a_password_that_is_locked_is_not_changed(keystone):
    admin = await keystone.as_()
    id, _ = await keystone.member("u")
    await admin.patch(f"{V3}/users/{id}", {"user": {"options": {"lock_password": True}}})
    body = {"user": {"original_password": "u", "password": "new"}}
    assert (await keystone.anonymous.post(f"{V3}/users/{id}/password", body)).status == 400
    assert (await keystone.auth("u", "u")).status == 201


async def test_groups_of_a_user_are_filtered_by_name(keystone):
    admin = await keystone.as_()
    user, _ = await keystone.member("u")
    for name in ("red", "blue"):
        await admin.put(f"{V3}/groups/{await made(admin, 'group', name=name)}/users/{user}")
    for query, wanted in (("", ["blue", "red"]), ("?name=red", ["red"]), ("?name__contains=l", ["blue"]), ("?name=x", [])):
        found = (await admin.get(f"{V3}/users/{user}/groups{query}")).json["groups"]
        assert [g["name"] for g in found] == wanted, query


async def test_inferences_name_roles_and_no_more(keystone):
    admin = await keystone.as_()
    prior, implied = [await made(admin, "role", name=n, description="d") for n in ("prior", "implied")]
    got = await admin.put(f"{V3}/roles/{prior}/implies/{implied}")
    assert got.status == 201 and set(got.json["role_inference"]["implies"]) == {"id", "name", "links"}
    assert (await admin.put(f"{V3}/roles/{prior}/implies/{implied}")).status == 409
    assert (await admin.get(f"{V3}/roles/{prior}/implies/{implied}")).status == 200


async def test_filters_of_an_endpoint_group_are_replaced_and_never_none(keystone):
    admin = await keystone.as_()
    groups = f"{V3}/OS-EP-FILTER/endpoint_groups"
    assert (await admin.post(groups, {"endpoint_group": {"name": "g", "filters": {}}})).status == 400
    made = (await admin.post(groups, {"endpoint_group": {"name": "g", "filters": {"region_id": "x"}}})).json["endpoint_group"]
    got = await admin.patch(f"{groups}/{made['id']}", {"endpoint_group": {"filters": {"interface": "public"}}})
    assert got.json["endpoint_group"]["filters"] == {"interface": "public"}


async def test_application_credentials_show_their_roles_whole_and_take_no_foreign_keys(keystone):
    user, _ = await keystone.member("u")
    caller = await keystone.as_("u", "u", project="u")
    path = f"{V3}/users/{user}/application_credentials"
    got = await caller.post(path, {"application_credential": {"name": "a"}})
    role = got.json["application_credential"]["roles"][0]
    assert set(role) == {"id", "name", "domain_id", "description", "options"}
    assert (await caller.post(path, {"application_credential": {"name": "b", "bogus": 1}})).status == 400
    assert (await caller.post(path, {"application_credential": {"name": "b", "roles": [{"name": "admin"}]}})).status == 400
    assert len((await caller.get(path)).json["application_credentials"]) == 1
    got = await caller.post(path, {"application_credential": {"name": "c", "roles": []}})  # as the openstack client asks for all
    assert got.json["application_credential"]["roles"] == (await caller.get(path)).json["application_credentials"][0]["roles"]


async def test_changes_of_federation_name_what_is_changed(keystone):
    admin = await keystone.as_()
    fed = f"{V3}/OS-FEDERATION"
    rules = [{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "U"}]}]
    sp = {"auth_url": "https://a/b", "sp_url": "https://c/d"}
    for path, kind, body in (
        ("identity_providers/i", "identity_provider", {}),
        ("mappings/m", "mapping", {"rules": rules}),
        ("identity_providers/i/protocols/p", "protocol", {"mapping_id": "m"}),
        ("service_providers/s", "service_provider", sp),
    ):
        assert (await admin.put(f"{fed}/{path}", {kind: body})).status == 201
        assert (await admin.patch(f"{fed}/{path}", {kind: {}})).status == 400, path


async def test_ec2_keys_of_nobody_are_not_found(keystone):
    admin = await keystone.as_()
    assert (await admin.get(f"{V3}/users/missing/credentials/OS-EC2")).status == 404


async def test_defaults_of_secret_options_are_not_read(keystone):
    admin = await keystone.as_()
    assert (await admin.get(f"{V3}/domains/config/ldap/password/default")).status == 403


async def test_a_form_without_a_type_is_an_invalid_request_of_oauth2(keystone):
    got = await keystone.anonymous.post(f"{V3}/OS-OAUTH2/token", None)
    assert got.status == 400 and got.json["error"] == "invalid_request"
