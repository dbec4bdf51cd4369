"""EC2 keys, and tokens for what was signed with them: by services only, and only while the signature is fresh."""

import asyncio
import base64
import hashlib
import hmac

import pytest

from tests.harness import Caller
from tests.identity.booted import V3
from tests.identity.test_application_credentials import make, use

NOW, LATE = "2026-01-01T00:00:00Z", "2025-12-31T23:40:00Z"


async def ann_nova(keystone):
    """ann's keys and a service that asks about them."""
    user, project = await keystone.member("ann")
    ann = await keystone.as_("ann", "ann", project="ann")
    got = await ann.post(f"{V3}/users/{user}/credentials/OS-EC2", {"tenant_id": project})
    assert got.status == 201, got.text
    await keystone.member("nova", "service", "service")
    return ann, got.json["credential"], await keystone.as_("nova", "nova", project="service")


def version_2(key: dict, **changed) -> dict:
    params = {"SignatureVersion": "2", "SignatureMethod": "HmacSHA256", "Timestamp": NOW, "Action": "Describe*", "b": "ü"} | changed
    query = "&".join(f"{k}={v}" for k, v in sorted(
        (k, v.replace("*", "%2A").replace(":", "%3A").replace("ü", "%C3%BC")) for k, v in params.items()))
    text = f"GET\nec2.cloud\n/services/Cloud\n{query}"
    signature = base64.b64encode(hmac.digest(key["secret"].encode(), text.encode(), "sha256")).decode()
    return {"access": key["access"], "signature": signature, "verb": "GET", "host": "EC2.cloud", "path": "/services/Cloud",
            "params": params | {"Signature": signature}}


def key_4(secret: str, scope: str) -> bytes:
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def version_4(key: dict, at: str = "20260101T000000Z", signed: str = "host;x-amz-date") -> dict:
    scope = f"{at[:8]}/RegionOne/ec2/aws4_request"
    headers = {"Host": "ec2.cloud", "X-Amz-Date": at}
    body = hashlib.sha256(b"Action=X").hexdigest()
    shown = "".join(f"{n}:{ {k.lower(): v for k, v in headers.items()}[n]}\n" for n in signed.split(";"))
    request = f"POST\n/\n\n{shown}\n{signed}\n{body}"
    text = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.new(key_4(key["secret"], scope), text.encode(), "sha256").hexdigest()
    headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={key['access']}/{scope}, SignedHeaders={signed}, Signature={signature}"
    )
    return {"access": key["access"], "signature": signature, "verb": "POST", "host": "ec2.cloud", "path": "/", "params": {},
            "headers": headers, "body_hash": body}


async def ask(caller, signed: dict, kind: str = "ec2tokens"):
    return await caller.post(f"{V3}/{kind}", {"credentials": signed})


async def test_who_signs_gets_a_token_of_the_keys_project(keystone):
    _ann, key, nova = await ann_nova(keystone)
    for signed in (version_2(key), version_4(key)):
        got = await ask(nova, signed)
        assert got.status == 200, got.text
        token = got.json["token"]
        assert (token["user"]["id"], token["project"]["id"]) == (key["user_id"], key["tenant_id"])
        assert token["methods"] == ["ec2credential"] and {r["name"] for r in token["roles"]} == {"member", "reader"}
        assert await keystone.works(got.headers["x-subject-token"])
    assert (await nova.post(f"{V3}/ec2tokens", {"ec2Credentials": version_4(key)})).status == 200


async def test_OSSA_2025_002_only_services_ask(keystone):
    """Row 16 of the list of advisories."""
    ann, key, nova = await ann_nova(keystone)
    for caller, status in ((keystone.anonymous, 401), (ann, 403), (nova, 200), (await keystone.as_(), 200)):
        assert (await ask(caller, version_4(key))).status == status
        assert (await ask(caller, s3(key), "s3tokens")).status == status


def s3(key: dict, four: bool = False) -> dict:
    scope = "20260101/RegionOne/s3/aws4_request"
    text = (f"AWS4-HMAC-SHA256\n20260101T000000Z\n{scope}\n{'0' * 64}" if four else "GET\n\n\ndate\n/bucket").encode()
    signature = (
        hmac.new(key_4(key["secret"], scope), text, "sha256").hexdigest()
        if four
        else base64.b64encode(hmac.digest(key["secret"].encode(), text, "sha1")).decode()
    )
    return {"access": key["access"], "signature": signature, "token": base64.urlsafe_b64encode(text).decode()}


@pytest.mark.parametrize("four", [False, True])
async def test_s3(keystone, four):
    _, key, nova = await ann_nova(keystone)
    assert (await ask(nova, s3(key, four), "s3tokens")).json["token"]["project"]["id"] == key["tenant_id"]
    for wrong in ({"signature": "x"}, {"token": "!"}, {"access": "x"}, {"token": base64.b64encode(b"AWS4-HMAC-SHA256\nx").decode()}):
        assert (await ask(nova, s3(key, four) | wrong, "s3tokens")).status == 401
    assert (await ask(nova, {"access": "x"}, "s3tokens")).status == 400


@pytest.mark.parametrize(
    "wrong",
    [
        lambda key: version_2(key) | {"path": "/other"},
        lambda key: version_2(key) | {"verb": "POST"},
        lambda key: version_2(key) | {"signature": ""},
        lambda key: version_2(key | {"secret": "x"}),
        lambda key: version_2(key, SignatureVersion="1"),
        lambda key: version_2(key, SignatureMethod="HmacMD5"),
        lambda key: version_2(key, Timestamp=LATE),
        lambda key: version_2(key, Timestamp="soon"),
        lambda key: version_4(key | {"secret": "x"}),
        lambda key: version_4(key, "20251231T234000Z"),
        lambda key: version_4(key, signed="x-amz-date"),
        lambda key: version_4(key) | {"body_hash": "0" * 64},
        lambda key: version_4(key) | {"access": "x"},
        lambda key: version_4(key) | {"headers": {"Authorization": "AWS4-HMAC-SHA256 x"}},
    ],
)
async def test_OSSA_2020_003_a_wrong_or_old_signature_is_worth_nothing(keystone, wrong):
    """Row 24 of the list of advisories."""
    _, key, nova = await ann_nova(keystone)
    assert (await ask(nova, wrong(key))).status == 401


async def test_a_signature_grows_old(keystone):
    _, key, nova = await ann_nova(keystone)
    signed = version_4(key)
    await asyncio.sleep(901)
    assert (await ask(nova, signed)).status == 401


async def test_OSSA_2020_004_keys_end_with_the_role_the_user_and_themselves(keystone):
    """Row 24 of the list of advisories."""
    ann, key, nova = await ann_nova(keystone)
    mine = f"{V3}/users/{key['user_id']}/credentials/OS-EC2"
    assert [k["access"] for k in (await ann.get(mine)).json["credentials"]] == [key["access"]]
    assert (await ann.get(f"{mine}/{key['access']}")).json["credential"]["secret"] == key["secret"]
    assert (await ann.delete(f"{mine}/{key['access']}")).status == 204
    assert (await ann.get(f"{mine}/{key['access']}")).status == 404
    assert (await ask(nova, version_4(key))).status == 401


async def test_OSSA_2019_006_nobody_sees_somebody_elses_keys(keystone):
    """Row 25 of the list of advisories."""
    _ann, key, nova = await ann_nova(keystone)
    me, _ = await keystone.member("bob")
    bob = await keystone.as_("bob", "bob", project="bob")
    for path in (f"users/{key['user_id']}/credentials/OS-EC2", f"users/{key['user_id']}/credentials/OS-EC2/{key['access']}"):
        assert (await nova.get(f"{V3}/{path}")).status == (await bob.get(f"{V3}/{path}")).status == 403
    assert (await bob.get(f"{V3}/users/{me}/credentials/OS-EC2/{key['access']}")).status == 404
    assert (await bob.delete(f"{V3}/users/{me}/credentials/OS-EC2/{key['access']}")).status == 404


@pytest.mark.parametrize("unrestricted", [False, True])
async def test_OSSA_2026_005_no_application_credential_makes_keys(keystone, unrestricted):
    """Row 17 of the list of advisories."""
    ann, key, _ = await ann_nova(keystone)
    made = await make(ann, key["user_id"], unrestricted=unrestricted, roles=[{"name": "reader"}])
    robot = Caller(keystone.app, (await use(keystone, made)).headers["x-subject-token"])
    _, other = await keystone.member("ann", "other")
    for project in (key["tenant_id"], other):
        blob = {"user_id": key["user_id"], "project_id": project, "type": "ec2", "blob": '{"access": "a", "secret": "b"}'}
        assert (await robot.post(f"{V3}/users/{key['user_id']}/credentials/OS-EC2", {"tenant_id": project})).status == 403
        assert (await robot.post(f"{V3}/credentials", {"credential": blob})).status == 403


async def test_OSSA_2014_018_keys_made_on_somebodys_behalf_open_nothing(keystone):
    """Row 29 of the list of advisories."""
    ann, key, nova = await ann_nova(keystone)
    for fixed in ("trust_id", "app_cred_id", "access_token_id"):
        blob = f'{{"access": "{fixed}", "secret": "b", "{fixed}": "x"}}'
        made = {"user_id": key["user_id"], "project_id": key["tenant_id"], "type": "ec2", "blob": blob}
        assert (await ann.post(f"{V3}/credentials", {"credential": made})).status == 201
        assert (await ask(nova, version_4({"access": fixed, "secret": "b"}))).status == 401


async def test_keys_for_a_project_the_user_has_no_role_on_open_nothing(keystone):
    ann, key, nova = await ann_nova(keystone)
    _, theirs = await keystone.member("bob")
    more = (await ann.post(f"{V3}/users/{key['user_id']}/credentials/OS-EC2", {"tenant_id": theirs})).json["credential"]
    assert (await ask(nova, version_4(more))).status == 401
    assert (await ann.post(f"{V3}/users/{key['user_id']}/credentials/OS-EC2", {"tenant_id": "nowhere"})).status == 404


@pytest.mark.parametrize("how", ["OS-EC2", "credentials"])
async def test_tokens_of_deleted_keys_are_void(keystone, how):
    """And those of the user's other keys, and of their password, are not."""
    ann, key, nova = await ann_nova(keystone)
    other = (await ann.post(f"{V3}/users/{key['user_id']}/credentials/OS-EC2", {"tenant_id": key["tenant_id"]})).json["credential"]
    token, spared = [(await ask(nova, version_2(k))).headers["x-subject-token"] for k in (key, other)]
    child = (await keystone.rescope(token, {"project": {"id": key["tenant_id"]}})).headers["x-subject-token"]
    assert [await keystone.works(t) for t in (token, child, spared)] == [True, True, True]
    path = f"/users/{key['user_id']}/credentials/OS-EC2/{key['access']}"
    if how == "credentials":
        path = "/credentials/" + hashlib.sha256(key["access"].encode()).hexdigest()
    assert (await ann.delete(V3 + path)).status == 204
    assert [await keystone.works(t) for t in (token, child, spared, ann.token)] == [False, False, True, True]


async def test_who_checks_signatures_within_the_cloud_gets_the_secret_while_the_key_is_good(keystone):
    ann, key, _ = await ann_nova(keystone)
    secret, verified = await keystone.identity.ec2.signer(key["access"])
    assert (secret, verified.context.project_id) == (key["secret"], key["tenant_id"])
    assert (await keystone.identity.ec2.signer(key["access"]))[1].token == verified.token
    assert await keystone.identity.ec2.signer("nobody's") is None
    blob = '{"access": "entrusted", "secret": "b", "trust_id": "x"}'
    made = {"user_id": key["user_id"], "project_id": key["tenant_id"], "type": "ec2", "blob": blob}
    assert (await ann.post(f"{V3}/credentials", {"credential": made})).status == 201
    assert await keystone.identity.ec2.signer("entrusted") is None
    assert (await ann.delete(f"{V3}/users/{key['user_id']}/credentials/OS-EC2/{key['access']}")).status == 204
    assert await keystone.identity.ec2.signer(key["access"]) is None
