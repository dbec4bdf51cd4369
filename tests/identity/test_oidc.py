"""OpenID Connect against a provider that really speaks it: bearer tokens, and the way through a browser."""

from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from pileus.identity.config import OidcProvider
from tests.identity.booted import V3, booted
from tests.identity.oidc_provider import CLIENT, SECRET, Provider

pytest.importorskip("joserfc")
pytestmark = pytest.mark.realtime

FED = f"{V3}/OS-FEDERATION"
AUTH = f"{FED}/identity_providers/corp/protocols/openid/auth"
ORIGIN = "https://dashboard/auth/websso/"
WEBSSO = f"{V3}/auth/OS-FEDERATION/identity_providers/corp/protocols/openid/websso"


@pytest.fixture
def provider():
    made = Provider()
    yield made
    made.close()


@pytest.fixture
def cloud(provider):
    oidc = {"corp": OidcProvider(issuer=provider.issuer, client_id=CLIENT, client_secret=SECRET, algorithms=("RS256",))}
    return booted(oidc=oidc, trusted_dashboards=(ORIGIN,))


async def setup(cloud, provider):
    admin = await cloud.as_()
    moment = cloud.kit.clock.now().timestamp()
    provider.now = lambda: moment  # asked in a thread, where the loop has no time
    local = [{"user": {"id": "{0}", "name": "{1}"}}]
    rules = [{"local": local, "remote": [{"type": "OIDC-sub"}, {"type": "HTTP_OIDC_EMAIL"}]}]
    for path, body in (
        (f"{FED}/identity_providers/corp", {"identity_provider": {"enabled": True, "remote_ids": [provider.issuer]}}),
        (f"{FED}/mappings/m", {"mapping": {"rules": rules}}),
        (f"{FED}/identity_providers/corp/protocols/openid", {"protocol": {"mapping_id": "m"}}),
    ):
        assert (await admin.put(path, body)).status == 201
    return admin


async def bearer(cloud, token: str):
    return await cloud.anonymous.request("POST", AUTH, headers={"authorization": f"Bearer {token}"})


async def test_a_signed_token_logs_in(cloud, provider):
    await setup(cloud, provider)
    got = await bearer(cloud, provider.token())
    assert got.status == 201, got.text
    user = got.json["token"]["user"]
    assert user["name"] == "ann@x" and got.json["token"]["methods"] == ["openid"]
    provider.person["email"] = "ann@new"
    again = (await bearer(cloud, provider.token())).json["token"]["user"]
    assert again["id"] == user["id"] and again["name"] == "ann@new"
    assert provider.asked.count("/keys") == 1  # keys are remembered


async def test_new_keys_are_fetched(cloud, provider):
    await setup(cloud, provider)
    assert (await bearer(cloud, provider.token())).status == 201
    provider.rotate()
    cloud.identity.assertions.clients["corp"]._asked_at -= 31
    assert (await bearer(cloud, provider.token())).status == 201
    assert provider.asked.count("/keys") == 2


async def test_what_proves_nothing(cloud, provider):
    from joserfc.jwk import OctKey, RSAKey

    admin = await setup(cloud, provider)
    users = (await admin.get(f"{V3}/users")).json["users"]
    now = int(cloud.kit.clock.now().timestamp())
    stranger = RSAKey.generate_key(2048, {"kid": "k1"})
    for token in (
        provider.token(exp=now - 120),
        provider.token(exp=None),
        provider.token(nbf=now + 600),
        provider.token(aud="another"),
        provider.token(aud=["another"]),
        provider.token(iss="https://another"),
        provider.token(sub=None),
        provider.token(sub=""),
        provider.token(key=stranger),
        provider.token(key=OctKey.generate_key(256, {"kid": "k1"}), algorithm="HS256"),
        provider.token()[:-4] + "AAAA",
        "a.b.c",
        "x" * 20_000,
        "",
    ):
        assert (await bearer(cloud, token)).status == 401, token
    header, body, _ = provider.token().split(".")
    assert (await bearer(cloud, f"eyJhbGciOiJub25lIn0.{body}.")).status == 401 and header
    assert (await admin.get(f"{V3}/users")).json["users"] == users
    assert (await cloud.anonymous.request("POST", AUTH)).status == 401


async def test_a_provider_that_cannot_be_asked(cloud, provider):
    await setup(cloud, provider)
    token = provider.token()
    provider.server.socket.close()
    assert (await bearer(cloud, token)).status == 503


async def walk(cloud, provider, path=WEBSSO):
    """A browser, out to the provider; (cookie, query it comes back with)."""
    out = await cloud.anonymous.get(f"{path}?{urlencode({'origin': ORIGIN})}")
    assert out.status == 302, out.text
    cookie = out.headers["set-cookie"].split(";")[0]
    async with httpx.AsyncClient() as browser:
        back = (await browser.get(out.headers["location"])).headers["location"]
    assert urlsplit(back).path == f"{V3}/auth/OS-FEDERATION/oidc/callback"
    return cookie, urlsplit(back)


async def test_through_a_browser(cloud, provider):
    await setup(cloud, provider)
    for path in (WEBSSO, f"{V3}/auth/OS-FEDERATION/websso/openid"):
        cookie, back = await walk(cloud, provider, path)
        page = await cloud.anonymous.request("GET", f"{back.path}?{back.query}", headers={"cookie": cookie})
        assert page.status == 200 and page.headers["content-type"].startswith("text/html"), page.text
        assert f'action="{ORIGIN}"' in page.text and "default-src 'none'" in page.headers["content-security-policy"]
        token = page.text.split('name="token" value="')[1].split('"')[0]
        assert await cloud.works(token)
        again = await cloud.anonymous.request("GET", f"{back.path}?{back.query}", headers={"cookie": cookie})
        assert again.status == 401  # a code is good for once


async def test_a_browser_gets_no_further_with_what_is_not_its_own(cloud, provider):
    await setup(cloud, provider)
    for origin in ("https://evil/", ORIGIN + "x", ""):
        assert (await cloud.anonymous.get(f"{WEBSSO}?{urlencode({'origin': origin})}")).status == 401
    assert (await cloud.anonymous.get(WEBSSO)).status == 401
    cookie, back = await walk(cloud, provider)
    other, _ = await walk(cloud, provider)
    query = parse_qs(back.query)
    for cookies, state in ((other, query["state"][0]), ("", query["state"][0]), (cookie, "forged"), (cookie, cloud.anonymous.token)):
        got = await cloud.anonymous.request(
            "GET", f"{back.path}?{urlencode({'code': query['code'][0], 'state': state})}", headers={"cookie": cookies}
        )
        assert got.status == 401
    assert (await cloud.anonymous.request("GET", f"{back.path}?state={query['state'][0]}", headers={"cookie": cookie})).status == 401
    assert (await cloud.anonymous.request("GET", f"{back.path}?{back.query}", headers={"cookie": cookie})).status == 200


def asking(provider, **more):
    """A cloud that asks the provider about opaque tokens."""
    corp = {"issuer": provider.issuer, "client_id": CLIENT, "client_secret": SECRET, "algorithms": ("RS256",), "introspect": True}
    return booted(oidc={"corp": OidcProvider(**(corp | more))})


async def test_an_opaque_token_is_asked_about(provider):
    async with asking(provider) as cloud:
        await setup(cloud, provider)
        good = provider.person | {"active": True, "iss": provider.issuer, "aud": [CLIENT], "exp": int(provider.now()) + 300}
        provider.opaque["opaque"] = good
        got = await bearer(cloud, "opaque")
        assert got.status == 201 and got.json["token"]["user"]["name"] == "ann@x", got.text
        again = (await bearer(cloud, provider.token())).json["token"]["user"]
        assert again["id"] == got.json["token"]["user"]["id"], "signed ones are still verified, and are of the same person"
        provider.opaque["ours"] = {k: v for k, v in good.items() if k not in ("aud", "iss")} | {"client_id": CLIENT}
        assert (await bearer(cloud, "ours")).status == 201
        for name, change in {
            "revoked": {"active": False}, "no truth": {"active": "true"}, "other audience": {"aud": "x"}, "other issuer": {"iss": "x"},
            "expired": {"exp": int(provider.now()) - 61}, "no end": {"exp": None}, "nobody": {"sub": None}, "not yet": {"nbf": 9e9},
        }.items():
            provider.opaque["bad"] = good | change
            assert (await bearer(cloud, "bad")).status == 401, name
        provider.opaque["bad"] = {k: v for k, v in good.items() if k != "aud"} | {"client_id": "another"}
        assert (await bearer(cloud, "bad")).status == 401, "made for somebody else"
        for unknown in ("unknown", "x" * 20_000, "a.b"):
            assert (await bearer(cloud, unknown)).status == 401


async def test_nobody_is_asked_about_opaque_tokens_unless_configured(cloud, provider):
    await setup(cloud, provider)
    provider.opaque["opaque"] = provider.person | {"active": True, "aud": CLIENT, "exp": int(provider.now()) + 300}
    assert (await bearer(cloud, "opaque")).status == 401 and "/introspect" not in provider.asked


async def test_a_provider_that_does_not_know_us_tells_us_nothing(provider):
    async with asking(provider, client_secret="wrong") as cloud:
        await setup(cloud, provider)
        provider.opaque["opaque"] = provider.person | {"active": True, "aud": CLIENT, "exp": int(provider.now()) + 300}
        assert (await bearer(cloud, "opaque")).status == 401
