"""SAML assertions that this cloud makes (K2K), judged by a service provider that is not ours (python3-saml)."""

import base64
import json
import os
import stat

import pytest

from pileus.cli.saml import rotate_saml_key
from pileus.core.clock import Clock
from pileus.core.ids import Ids
from pileus.identity.federation.saml_key import SamlKey
from tests.harness import Caller
from tests.identity.booted import V3, booted
from tests.identity.test_projects import create

pytest.importorskip("signxml")
OneLogin_Saml2_Response = pytest.importorskip("onelogin.saml2.response").OneLogin_Saml2_Response
pytestmark = pytest.mark.realtime  # the judge has a clock of its own

ENTITY = "https://cloud.example/identity/v3/OS-FEDERATION/saml2/idp"
SP_URL, AUTH_URL = "https://other.example/Shibboleth.sso/SAML2/ECP", "https://other.example/identity/v3/auth"
SAML2 = f"{V3}/auth/OS-FEDERATION/saml2"
METADATA = f"{V3}/OS-FEDERATION/saml2/metadata"
SP = {"auth_url": AUTH_URL, "sp_url": SP_URL, "enabled": True}
NAMES = {"md": "urn:oasis:names:tc:SAML:2.0:metadata", "ds": "http://www.w3.org/2000/09/xmldsig#",
         "soap": "http://schemas.xmlsoap.org/soap/envelope/", "p": "urn:oasis:names:tc:SAML:2.0:protocol",
         "ecp": "urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp"}


@pytest.fixture
def cloud():
    return booted(saml_idp_entity_id=ENTITY)


async def setup(cloud, **sp):
    """The token of a member, on a cloud that knows another one."""
    real = Clock()
    for part in (cloud.identity.core, cloud.identity.own_assertions.key):
        part.clock = real
    admin = await cloud.as_()
    got = await admin.put(f"{V3}/OS-FEDERATION/service_providers/other", {"service_provider": SP | sp})
    assert got.status == 201, got.text
    ann, _ = await cloud.member("ann")
    group = (await create(admin, "group", name="dev & ops"))["id"]
    await admin.put(f"{V3}/groups/{group}/users/{ann}")
    return await cloud.token("ann")


async def ask(cloud, token: str, sp: str = "other", path: str = SAML2, methods=("token",)):
    identity = {"methods": list(methods), "token": {"id": token}}
    return await cloud.anonymous.post(path, {"auth": {"identity": identity, "scope": {"service_provider": {"id": sp}}}})


def parsed(data: bytes):
    from lxml import etree

    return etree.fromstring(data)


async def judged(cloud, data: bytes):
    """The response as a service provider sees it that was configured with our metadata; whether it is valid, and what it says."""
    found = parsed((await cloud.anonymous.get(METADATA)).data)
    certificate = found.findtext(".//ds:X509Certificate", namespaces=NAMES)
    from onelogin.saml2.settings import OneLogin_Saml2_Settings

    settings = OneLogin_Saml2_Settings({
        "strict": True,
        "sp": {"entityId": "https://other.example/sp", "assertionConsumerService": {"url": SP_URL}},
        "idp": {"entityId": found.get("entityID"), "singleSignOnService": {"url": "https://cloud.example/sso"}, "x509cert": certificate},
        "security": {"wantAssertionsSigned": True, "rejectDeprecatedAlgorithm": True},
    }, sp_validation_only=False)
    judge = OneLogin_Saml2_Response(settings, base64.b64encode(data).decode())
    request = {"https": "on", "http_host": "other.example", "script_name": "/Shibboleth.sso/SAML2/ECP", "get_data": {}, "post_data": {}}
    return judge.is_valid(request), judge


async def test_a_token_becomes_an_assertion_that_others_believe(cloud):
    token = await setup(cloud)
    got = await ask(cloud, token)
    assert got.status == 200 and got.headers["content-type"] == "text/xml", got.text
    assert (got.headers["x-sp-url"], got.headers["x-auth-url"]) == (SP_URL, AUTH_URL)
    valid, judge = await judged(cloud, got.data)
    assert valid, judge.get_error()
    said = judge.get_attributes()
    assert judge.get_nameid() == "ann" and said["openstack_user"] == ["ann"] and said["openstack_project"] == ["ann"]
    assert sorted(said["openstack_roles"]) == ["member", "reader"]
    assert said["openstack_user_domain"] == said["openstack_project_domain"] == ["Default"]
    [group] = said["openstack_groups"]
    assert json.loads(group.removeprefix("JSON:")) == {"name": "dev & ops", "domain": {"name": "Default"}}


async def test_what_was_changed_on_the_way_is_not_believed(cloud):
    token = await setup(cloud)
    data = (await ask(cloud, token)).data
    for old, new in ((b">member<", b">admin<"), (b">ann<", b">admin<"), (b"NotOnOrAfter=\"20", b"NotOnOrAfter=\"21")):
        assert old in data
        valid, _ = await judged(cloud, data.replace(old, new))
        assert not valid, new


async def test_an_enhanced_client_gets_it_in_an_envelope(cloud):
    token = await setup(cloud, relay_state_prefix="ss:mem:")
    got = await ask(cloud, token, path=SAML2 + "/ecp")
    assert got.status == 200 and got.headers["x-sp-url"] == SP_URL
    envelope = parsed(got.data)
    assert envelope.findtext("soap:Header/ecp:RelayState", namespaces=NAMES).startswith("ss:mem:")
    from lxml import etree

    inner = envelope.find("soap:Body/p:Response", namespaces=NAMES)
    valid, judge = await judged(cloud, etree.tostring(inner))
    assert valid, judge.get_error()


async def test_it_lives_no_longer_than_the_token(cloud):
    token = await setup(cloud)
    expires = cloud.identity.tokens.cache[token].payload.expires_at
    data = (await ask(cloud, token)).data
    assert data.count(f'NotOnOrAfter="{expires.isoformat(timespec="seconds")[:19]}Z"'.encode()) >= 2


async def test_tokens_name_the_clouds_they_open_a_way_to(cloud):
    token, admin = await setup(cloud), await cloud.as_()
    path = f"{V3}/OS-FEDERATION/service_providers/other"

    async def named():
        got = await admin.get(f"{V3}/auth/tokens", headers={"X-Subject-Token": token})
        return got.json["token"].get("service_providers")

    assert await named() == [{"id": "other", "auth_url": AUTH_URL, "sp_url": SP_URL}]
    assert (await admin.patch(path, {"service_provider": {"enabled": False}})).status == 200 and await named() is None
    assert (await ask(cloud, token)).status == 403
    await admin.patch(path, {"service_provider": {"enabled": True}})
    assert await named() and (await admin.delete(path)).status == 204 and await named() is None


async def test_who_gets_none(cloud):
    token = await setup(cloud)
    assert (await ask(cloud, token, "missing")).status == 404
    assert (await ask(cloud, "rubbish")).status == 401
    assert (await ask(cloud, token, methods=("password",))).status == (await ask(cloud, token, methods=())).status == 400
    assert (await ask(cloud, (await cloud.as_("ann", "ann", project=None)).token)).status == 403, "of no project"
    caller = Caller(cloud.app, token)
    user = (await cloud.identity.users.find_named("ann", "default")).id
    rules = [{"service": "compute", "method": "GET", "path": "/v2.1/servers"}]
    for more in ({}, {"unrestricted": True, "access_rules": rules}):
        made = await caller.post(f"{V3}/users/{user}/application_credentials", {"application_credential": {"name": str(more)} | more})
        secret = {k: made.json["application_credential"][k] for k in ("id", "secret")}
        got = await cloud.login({"methods": ["application_credential"], "application_credential": secret})
        assert (await ask(cloud, got.headers["x-subject-token"])).status == 403, more
    await cloud.identity.users.update(user, {"name": "bell\x07"})
    assert (await ask(cloud, token)).status == 400, "XML has no such character"


async def test_a_cloud_that_is_no_identity_provider_says_so(keystone):
    token = await setup(keystone)
    assert (await ask(keystone, token)).status == (await keystone.anonymous.get(METADATA)).status == 404


async def test_the_key_is_made_once_and_kept(tmp_path):
    path = tmp_path / "identity" / "saml-idp.pem"
    one, two = (SamlKey(path, Clock(), Ids()).get() for _ in range(2))
    assert one[1] == two[1] and one[0].private_numbers() == two[0].private_numbers()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and os.listdir(path.parent) == ["saml-idp.pem"]
    path.write_bytes(b"rubbish")
    with pytest.raises(ValueError):
        SamlKey(path, Clock(), Ids()).get()


async def test_the_key_is_rotated_in_two_steps_that_running_clouds_follow(tmp_path, capsys):
    path = tmp_path / "identity" / "saml-idp.pem"
    assert rotate_saml_key(state=tmp_path) == 1 and not path.exists()
    key = SamlKey(path, Clock(), Ids())
    first = key.get()[1]
    assert key.published() == [first] and rotate_saml_key(finish=True, state=tmp_path) == 1
    assert rotate_saml_key(state=tmp_path) == 0
    assert key.get()[1] == first and len(key.published()) == 2
    following = key.published()[1]
    assert rotate_saml_key(state=tmp_path) == 0 and key.published() == [first, following], "again makes no third one"
    assert stat.S_IMODE((path.parent / "saml-idp.next.pem").stat().st_mode) == 0o600
    assert rotate_saml_key(finish=True, state=tmp_path) == 0
    assert key.get()[1] == following and key.published() == [following]
    assert os.listdir(path.parent) == ["saml-idp.pem"]


async def test_a_next_key_that_is_none_does_not_take_the_place_of_the_present_one(tmp_path):
    path = tmp_path / "identity" / "saml-idp.pem"
    key = SamlKey(path, Clock(), Ids())
    first = key.get()[1]
    (path.parent / "saml-idp.next.pem").write_bytes(b"rubbish")
    assert rotate_saml_key(finish=True, state=tmp_path) == 1 and key.get()[1] == first


async def test_metadata_have_the_next_certificate_too(tmp_path):
    async with booted(saml_idp_entity_id=ENTITY, saml_idp_key=str(tmp_path / "k.pem")) as keystone:
        for wanted in (1, 2):
            found = parsed((await keystone.anonymous.get(METADATA)).data)
            assert len(found.findall(".//md:KeyDescriptor[@use='signing']", NAMES)) == wanted
            keystone.identity.own_assertions.key.stage()
