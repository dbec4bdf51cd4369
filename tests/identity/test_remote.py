"""Who was identified by a web server in front: by its word (external, Kerberos), or by a certificate it has checked (x509)."""

import pytest

from tests.identity.booted import V3, booted
from tests.identity.test_federation import FED
from tests.identity.test_projects import create

ANN = {"remote-user": "ann"}
PROXY = {"trusted_proxies": ("127.0.0.0/8",)}
TOLD = PROXY | {"remote_user_header": "Remote-User", "remote_domain_header": "Remote-Domain"}


@pytest.fixture
def told():
    return booted(**TOLD)


async def login(cloud, headers, *methods: str, **more):
    identity = {"methods": list(methods)} | {m: {} for m in methods} | more
    return await cloud.anonymous.request("POST", f"{V3}/auth/tokens", json={"auth": {"identity": identity}}, headers=headers)


@pytest.mark.parametrize("method", ["external", "kerberos"])
async def test_its_word_is_a_login(method):
    async with booted(**TOLD, remote_user_method=method) as told:
        user, _ = await told.member("ann")
        got = await login(told, ANN, method)
        assert got.status == 201, got.text
        token, project = got.json["token"], {"project": {"name": "ann", "domain": {"id": "default"}}}
        assert token["methods"] == [method] and token["user"]["id"] == user
        assert (await told.rescope(got.headers["x-subject-token"], project)).status == 201
        other = {"external": "kerberos", "kerberos": "external"}[method]
        assert (await login(told, ANN, other)).status == 401, "its word counts as what it is configured for"


@pytest.mark.parametrize("config", [{}, PROXY, {"remote_user_header": "Remote-User"},
                                    TOLD | {"trusted_proxies": ("10.0.0.0/8",)}, TOLD | {"remote_user_header": "X-Other"}])
async def test_nobody_is_believed_who_was_not_told_to(config):
    """Also no web server that is believed about other things: it may let this header through from outside."""
    async with booted(**config) as keystone:
        await keystone.member("ann")
        assert (await login(keystone, ANN, "external")).status == (await login(keystone, ANN, "kerberos")).status == 401


async def test_what_it_does_not_say_is_no_login(told):
    user, _ = await told.member("ann")
    for headers in ({}, {"remote-user": ""}, {"remote-user": "nobody"}, ANN | {"remote-domain": "elsewhere"}, {"x-remote-user": "ann"}):
        assert (await login(told, headers, "external")).status == 401, headers
    await (await told.as_()).patch(f"{V3}/users/{user}", {"user": {"enabled": False}})
    assert (await login(told, ANN, "external")).status == 401
    assert (await told.anonymous.request("GET", f"{V3}/users", headers=ANN)).status == 401, "a header is no token"


async def test_a_domain_that_nobody_was_told_to_name_is_not_looked_at():
    async with booted(**PROXY, remote_user_header="Remote-User") as told:
        user, _ = await told.member("ann")
        got = await login(told, ANN | {"remote-domain": "elsewhere"}, "external")
        assert got.status == 201 and got.json["token"]["user"]["id"] == user


async def test_domains_and_names_in_any_script(told):
    admin = await told.as_()
    domain = (await create(admin, "domain", name="Äther"))["id"]
    user = (await create(admin, "user", name="Zoë", domain_id=domain))["id"]
    said = {k: v.encode().decode("latin-1") for k, v in {"remote-user": "Zoë", "remote-domain": "Äther"}.items()}
    assert (await login(told, said, "external")).json["token"]["user"]["id"] == user


async def test_several_factors_one_of_them_the_servers(told):
    user, _ = await told.member("ann")
    options = {"multi_factor_auth_enabled": True, "multi_factor_auth_rules": [["password", "external"]]}
    await (await told.as_()).patch(f"{V3}/users/{user}", {"user": {"options": options}})
    assert (await login(told, ANN, "external")).status == 401
    password = {"user": {"id": user, "password": "ann"}}
    assert (await login(told, {}, "password", password=password)).status == 401
    both = await login(told, ANN, "password", "external", password=password)
    assert both.status == 201 and both.json["token"]["methods"] == ["password", "external"]
    bob, _ = await told.member("bob")
    other = {"user": {"id": bob, "password": "bob"}}
    assert (await login(told, ANN, "password", "external", password=other)).status == 401, "two people"
    wrong = {"user": {"id": user, "password": "x"}}
    assert (await login(told, ANN, "password", "external", password=wrong)).status == 401


async def test_a_certificate_it_has_checked(told):
    admin = await told.as_()
    rules = [{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "SSL_CLIENT_S_DN_CN"}, {"type": "SSL_CLIENT_I_DN",
                                                                                              "any_one_of": ["CN=ours"]}]}]
    for path, body in ((f"{FED}/identity_providers/ca", {"identity_provider": {"enabled": True}}),
                       (f"{FED}/mappings/x", {"mapping": {"rules": rules}}),
                       (f"{FED}/identity_providers/ca/protocols/x509", {"protocol": {"mapping_id": "x"}})):
        assert (await admin.put(path, body)).status == 201
    proof = {"x509": {"identity_provider": "ca", "protocol": "x509"}}
    said = {"ssl-client-s-dn-cn": "robot", "ssl-client-i-dn": "CN=ours"}
    got = await login(told, said, "x509", **proof)
    assert got.status == 201 and got.json["token"]["methods"] == ["x509"] and got.json["token"]["user"]["name"] == "robot", got.text
    assert (await login(told, said | {"ssl-client-i-dn": "CN=theirs"}, "x509", **proof)).status == 401
