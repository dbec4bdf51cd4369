"""Who was identified by a web server in front: by its word (external, Kerberos), or by a certificate it has checked (x509)."""

import pytest

from tests.identity.booted import V3, booted
from tests.identity.test_federation import FED
from tests.identity.test_projects import create

ANN = {"remote-user": "ann"}
NEGOTIATED = ANN | {"auth-type": "Negotiate"}


@pytest.fixture
def fronted():
    return booted(trusted_proxies=("127.0.0.0/8",))


async def login(cloud, headers, *methods: str, **more):
    identity = {"methods": list(methods)} | {m: {} for m in methods} | more
    return await cloud.anonymous.request("POST", f"{V3}/auth/tokens", json={"auth": {"identity": identity}}, headers=headers)


@pytest.mark.parametrize(("method", "headers"), [("external", ANN), ("kerberos", NEGOTIATED)])
async def test_its_word_is_a_login(fronted, method, headers):
    user, _ = await fronted.member("ann")
    got = await login(fronted, headers, method)
    assert got.status == 201, got.text
    token = got.json["token"]
    assert token["methods"] == [method] and token["user"]["id"] == user
    assert (await fronted.rescope(got.headers["x-subject-token"], {"project": {"name": "ann", "domain": {"id": "default"}}})).status == 201


async def test_nobody_else_is_believed(keystone):
    await keystone.member("ann")
    assert (await login(keystone, NEGOTIATED, "external")).status == (await login(keystone, NEGOTIATED, "kerberos")).status == 401
    async with booted(trusted_proxies=("10.0.0.0/8",)) as elsewhere:
        await elsewhere.member("ann")
        assert (await login(elsewhere, NEGOTIATED, "external")).status == 401


async def test_what_it_does_not_say_is_no_login(fronted):
    user, _ = await fronted.member("ann")
    for headers, method in (({}, "external"), (ANN, "kerberos"), (ANN | {"auth-type": "Basic"}, "kerberos"),
                            ({"remote-user": "nobody"}, "external"), (ANN | {"remote-domain": "elsewhere"}, "external"),
                            ({"x-remote-user": "ann"}, "external")):
        assert (await login(fronted, headers, method)).status == 401, headers
    await (await fronted.as_()).patch(f"{V3}/users/{user}", {"user": {"enabled": False}})
    assert (await login(fronted, ANN, "external")).status == 401
    assert (await fronted.anonymous.request("GET", f"{V3}/users", headers=NEGOTIATED)).status == 401, "a header is no token"


async def test_domains_and_names_in_any_script(fronted):
    admin = await fronted.as_()
    domain = (await create(admin, "domain", name="Äther"))["id"]
    user = (await create(admin, "user", name="Zoë", domain_id=domain))["id"]
    said = {k: v.encode().decode("latin-1") for k, v in {"remote-user": "Zoë", "remote-domain": "Äther"}.items()}
    assert (await login(fronted, said, "external")).json["token"]["user"]["id"] == user


async def test_several_factors_one_of_them_the_servers(fronted):
    user, _ = await fronted.member("ann")
    options = {"multi_factor_auth_enabled": True, "multi_factor_auth_rules": [["password", "kerberos"]]}
    await (await fronted.as_()).patch(f"{V3}/users/{user}", {"user": {"options": options}})
    assert (await login(fronted, NEGOTIATED, "kerberos")).status == 401
    password = {"user": {"id": user, "password": "ann"}}
    assert (await login(fronted, {}, "password", password=password)).status == 401
    both = await login(fronted, NEGOTIATED, "password", "kerberos", password=password)
    assert both.status == 201 and both.json["token"]["methods"] == ["password", "kerberos"]
    bob, _ = await fronted.member("bob")
    other = {"user": {"id": bob, "password": "bob"}}
    assert (await login(fronted, NEGOTIATED, "password", "kerberos", password=other)).status == 401, "two people"
    wrong = {"user": {"id": user, "password": "x"}}
    assert (await login(fronted, NEGOTIATED, "password", "kerberos", password=wrong)).status == 401


async def test_a_certificate_it_has_checked(fronted):
    admin = await fronted.as_()
    rules = [{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "SSL_CLIENT_S_DN_CN"}, {"type": "SSL_CLIENT_I_DN",
                                                                                              "any_one_of": ["CN=ours"]}]}]
    for path, body in ((f"{FED}/identity_providers/ca", {"identity_provider": {"enabled": True}}),
                       (f"{FED}/mappings/x", {"mapping": {"rules": rules}}),
                       (f"{FED}/identity_providers/ca/protocols/x509", {"protocol": {"mapping_id": "x"}})):
        assert (await admin.put(path, body)).status == 201
    proof = {"x509": {"identity_provider": "ca", "protocol": "x509"}}
    said = {"ssl-client-s-dn-cn": "robot", "ssl-client-i-dn": "CN=ours"}
    got = await login(fronted, said, "x509", **proof)
    assert got.status == 201 and got.json["token"]["methods"] == ["x509"] and got.json["token"]["user"]["name"] == "robot", got.text
    assert (await login(fronted, said | {"ssl-client-i-dn": "CN=theirs"}, "x509", **proof)).status == 401
