"""OAuth 2.0 by client credentials: an application credential is the client, or a user with a certificate."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pileus.core.errors import Unauthenticated
from tests.harness import Caller
from tests.identity.booted import V3, booted

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
    assert (await ask(keystone, GRANT, kind="application/json", **basic(id, secret))).status == 400
    assert (await ask(keystone, GRANT + "&x=" + "y" * 20_000, **basic(id, secret))).status == 413


# ---- by certificates (RFC 8705) --------------------------------------------------------------------------------------
@pytest.fixture
def certified():
    return booted(trusted_proxies=("127.0.0.0/8",), client_certificate_header="SSL-Client-Cert")


def certificate(cn: str, issuer: str = "Our CA", **more: str) -> str:
    """PEM, as a web server in front hands it on."""
    key = ec.generate_private_key(ec.SECP256R1())
    parts = {NameOID.COMMON_NAME: cn, NameOID.ORGANIZATION_NAME: more.get("o", "default")}
    subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in parts.items()])
    by = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    made = (x509.CertificateBuilder().subject_name(subject).issuer_name(by).public_key(key.public_key()).serial_number(7)
            .not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256()))
    return made.public_bytes(Encoding.PEM).decode()


def carried(pem: str) -> dict[str, str]:
    return {"ssl-client-cert": quote(pem)}


RULES = [{
    "local": [{"user": {"name": "{0}", "domain": {"id": "{1}"}}}],
    "remote": [{"type": "SSL_CLIENT_SUBJECT_DN_CN"}, {"type": "SSL_CLIENT_SUBJECT_DN_O"},
               {"type": "SSL_CLIENT_ISSUER_DN_CN", "any_one_of": ["Our CA"]}],
}]


async def known(cloud, rules=RULES) -> str:
    """The id of a user who has a default project, in a cloud that can tell certificates."""
    admin = await cloud.as_()
    user, project = await cloud.member("ann")
    await admin.patch(f"{V3}/users/{user}", {"user": {"default_project_id": project}})
    got = await admin.put(f"{V3}/OS-FEDERATION/mappings/oauth2_mapping", {"mapping": {"rules": rules}})
    assert got.status == 201, got.text
    return user


async def test_a_certificate_is_a_client_and_its_token_goes_with_it(certified):
    user, pem = await known(certified), certificate("ann")
    got = await ask(certified, f"{GRANT}&client_id={user}", **carried(pem))
    assert got.status == 200, got.text
    token = got.json["access_token"]
    bare = Caller(certified.app, token)
    path = f"{V3}/auth/tokens"
    for headers, status in ((carried(pem), 200), ({}, 401), (carried(certificate("ann")), 401), ({"ssl-client-cert": "rubbish"}, 401)):
        assert (await bare.with_headers(**headers).get(path, headers={"X-Subject-Token": token})).status == status, headers
    shown = (await bare.with_headers(**carried(pem)).get(path, headers={"X-Subject-Token": token})).json["token"]
    der = x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")
    assert shown["oauth2_credential"] == {"x5t#S256": thumbprint} and shown["methods"] == ["oauth2_credential"]
    assert shown["user"]["id"] == user and shown["project"]["name"] == "ann"
    assert (await certified.rescope(token)).status == 403
    with pytest.raises(Unauthenticated):
        await certified.identity.authenticate(token)


@pytest.mark.parametrize("form", ["escaped", "one line", "tabs"])
async def test_however_the_web_server_writes_it(certified, form):
    user, pem = await known(certified), certificate("ann")
    written = {"escaped": quote(pem), "one line": pem.replace("\n", " "), "tabs": pem.replace("\n", "\t")}[form]
    assert (await ask(certified, f"{GRANT}&client_id={user}", **{"ssl-client-cert": written})).status == 200


async def test_whose_certificate_is_not_taken(certified):
    user = await known(certified)
    bob, _ = await certified.member("bob")
    for client, pem in ((user, certificate("bob")), (bob, certificate("bob")), (user, certificate("ann", "Their CA")),
                        (user, certificate("ann", o="elsewhere")), ("nobody", certificate("ann")), (user, "rubbish")):
        got = await ask(certified, f"{GRANT}&client_id={client}", **carried(pem))
        assert (got.status, got.json["error"]) == (401, "invalid_client"), client
    await (await certified.as_()).patch(f"{V3}/users/{user}", {"user": {"enabled": False}})
    assert (await ask(certified, f"{GRANT}&client_id={user}", **carried(certificate("ann")))).status == 401


@pytest.mark.parametrize("config", [{"client_certificate_header": "SSL-Client-Cert"}, {"trusted_proxies": ("127.0.0.0/8",)}])
async def test_nobody_shows_certificates_but_a_web_server_in_front_that_was_told_to(config):
    """Who is believed about one thing may let others' headers about another one through."""
    async with booted(**config) as keystone:
        user = await known(keystone)
        assert (await ask(keystone, f"{GRANT}&client_id={user}", **carried(certificate("ann")))).status == 401


@pytest.mark.parametrize("said", [{"email": "{0}"}, {"name": "{0}"}])
async def test_a_mapping_that_names_nobody_lets_nobody_in(certified, said):
    rules = [{"local": [{"user": said}], "remote": RULES[0]["remote"]}]
    user = await known(certified, rules)
    assert (await ask(certified, f"{GRANT}&client_id={user}", **carried(certificate("ann")))).status == 401
