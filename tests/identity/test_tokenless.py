"""Certificates instead of tokens (K30): for services that would otherwise keep a password."""

import hashlib

import pytest

from tests.harness import Caller
from tests.identity.booted import V3, booted
from tests.identity.test_oauth2 import carried, certificate

ISSUER = "CN=Our CA"
IDP = hashlib.sha256(ISSUER.encode()).hexdigest()
RULES = [{
    "local": [{"user": {"name": "{0}", "domain": {"id": "default"}, "type": "local"}}],
    "remote": [{"type": "SSL_CLIENT_SUBJECT_DN_CN"}],
}]
FRONT = {"trusted_proxies": ("127.0.0.0/8",), "client_certificate_header": "SSL-Client-Cert"}


@pytest.fixture
def cloud():
    return booted(tokenless_trusted_issuers=(ISSUER,), **FRONT)


async def known(cloud, rules=RULES) -> tuple[str, str]:
    """(user, project) of ann, whose certificates the cloud knows."""
    admin, fed = await cloud.as_(), f"{V3}/OS-FEDERATION"
    for path, body in (
        ("mappings/x509", {"mapping": {"rules": rules}}),
        (f"identity_providers/{IDP}", {"identity_provider": {"enabled": True}}),
        (f"identity_providers/{IDP}/protocols/x509", {"protocol": {"mapping_id": "x509"}}),
    ):
        got = await admin.put(f"{fed}/{path}", body)
        assert got.status == 201, got.text
    return await cloud.member("ann", role="admin")


async def ask(cloud, pem: str, path: str = "users", **headers: str):
    return await Caller(cloud.app, "").with_headers(**carried(pem), **headers).get(f"{V3}/{path}")


async def test_a_certificate_stands_for_a_token_of_what_the_headers_say(cloud):
    user, project = await known(cloud)
    pem = certificate("ann")
    for headers in (
        {"x-project-id": project},
        {"x-project-name": "ann", "x-project-domain-id": "default"},
        {"x-project-name": "ann", "x-project-domain-name": "Default"},
    ):
        got = await ask(cloud, pem, **headers)
        assert got.status == 200 and "ann" in [u["name"] for u in got.json["users"]], (headers, got.text)
    for headers in ({}, {"x-project-name": "ann"}, {"x-project-id": project, "x-domain-id": "default"}):
        assert (await ask(cloud, pem, **headers)).status == 400, headers
    for headers in ({"x-domain-id": "default"}, {"x-project-id": "missing"}):
        assert (await ask(cloud, pem, **headers)).status == 401, "no role there"
    await cloud.identity.assign_role("reader", user_id=user, domain_id="default")
    assert (await ask(cloud, pem, "domains/default", **{"x-domain-name": "Default"})).status == 200


async def test_whose_certificate_is_not_taken(cloud):
    user, project = await known(cloud)
    scope = {"x-project-id": project}
    for pem in (certificate("bob"), certificate("ann", "Their CA"), "rubbish"):
        assert (await ask(cloud, pem, **scope)).status == 401
    assert (await ask(cloud, certificate("ann"), **scope)).status == 200
    await cloud.identity.users.update(user, {"enabled": False})
    assert (await ask(cloud, certificate("ann"), **scope)).status == 401


@pytest.mark.parametrize("what", ["provider", "protocol"])
async def test_without_a_provider_for_its_issuer_it_is_nobodys(cloud, what):
    _, project = await known(cloud)
    path = f"{V3}/OS-FEDERATION/identity_providers/{IDP}"
    admin = await cloud.as_()
    if what == "provider":
        await admin.patch(path, {"identity_provider": {"enabled": False}})
    else:
        await admin.delete(f"{path}/protocols/x509")
    assert (await ask(cloud, certificate("ann"), **{"x-project-id": project})).status == 401


@pytest.mark.parametrize("config", [FRONT, {"tokenless_trusted_issuers": (ISSUER,), "client_certificate_header": "SSL-Client-Cert"}])
async def test_nobody_is_believed_who_was_not_configured(config):
    async with booted(**config) as cloud:
        _, project = await known(cloud)
        assert (await ask(cloud, certificate("ann"), **{"x-project-id": project})).status == 401


async def test_a_token_is_what_counts_when_there_is_one(cloud):
    _, project = await known(cloud)
    both = Caller(cloud.app, "rubbish").with_headers(**carried(certificate("ann")), **{"x-project-id": project})
    assert (await both.get(f"{V3}/users")).status == 401


@pytest.mark.parametrize("user", [{"email": "{0}", "type": "local"}, {"name": "{0}", "domain": {"id": "default"}}])
async def test_a_mapping_that_names_no_local_user_lets_nobody_in(cloud, user):
    _, project = await known(cloud, [{"local": [{"user": user}], "remote": [{"type": "SSL_CLIENT_SUBJECT_DN_CN"}]}])
    assert (await ask(cloud, certificate("ann"), **{"x-project-id": project})).status == 401
