"""Signed tokens (JWS): the same meaning as sealed ones, readable by others, made by nobody else."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import stat
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from pileus.core.clock import VirtualClock
from pileus.core.ids import Ids
from pileus.identity.config import IdentityConfig
from pileus.identity.formats import LONGEST, Formats
from pileus.identity.payload import LONGEST_CHAIN, METHODS, PROJECT, Payload, audit_id
from pileus.identity.periodic import rotate_keys
from pileus.identity.signing_keys import SigningKeys
from tests.identity.booted import V3, booted
from tests.identity.test_keys import keys as sealing_keys

SYSTEM = {"system": {"all": True}}


def text(data) -> str:
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def parts(token: str) -> tuple[dict, dict, bytes]:
    head, body, signature = (base64.urlsafe_b64decode(part + "==") for part in token.split("."))
    return json.loads(head), json.loads(body), signature


def signing(folder=None, **config) -> SigningKeys:
    made = SigningKeys(folder, IdentityConfig(**config), VirtualClock(), Ids())
    made.open()
    return made


@pytest.fixture
def keystone():
    return booted(token_provider="jws")


async def test_what_is_signed_says_what_a_sealed_one_means(keystone):
    user, project = await keystone.member("ann")
    got = await keystone.auth("ann", "ann", scope={"project": {"id": project}})
    head, said, signature = parts(got.headers["x-subject-token"])
    assert head["alg"] == "ES256" and head["typ"] == "JWT" and len(signature) == 64
    shown = got.json["token"]
    assert said["sub"] == user and said["openstack_project_id"] == project and said["openstack_methods"] == ["password"]
    assert said["openstack_audit_ids"] == shown["audit_ids"] and said["exp"] - said["iat"] == pytest.approx(3600)
    assert not {"openstack_domain_id", "openstack_system", "openstack_trust_id"} & set(said)


async def test_every_scope_and_proof_goes_there_and_back(keystone):
    """Through the text, not through what this process remembers."""
    admin = await keystone.as_()
    made = await admin.post(f"{V3}/users/{await own_id(admin)}/application_credentials",
                            {"application_credential": {"name": "robot"}})
    secret = {k: made.json["application_credential"][k] for k in ("id", "secret")}
    robot = await keystone.login({"methods": ["application_credential"], "application_credential": secret})
    assert robot.status == 201
    for token in (admin.token, (await keystone.as_(project=None)).token, (await keystone.as_(scope=SYSTEM)).token,
                  robot.headers["x-subject-token"]):
        known = keystone.identity.tokens.cache.pop(token)
        assert keystone.identity.tokens.formats.read(token) == known.payload
        assert await keystone.works(token)


async def own_id(caller) -> str:
    got = await caller.request("GET", f"{V3}/auth/tokens", headers={"x-subject-token": caller.token})
    return got.json["token"]["user"]["id"]


async def test_OSSA_2012_rescoping_keeps_the_moment_of_expiry(keystone):
    first = await keystone.auth("admin", "secret", scope=SYSTEM)
    keystone.identity.tokens.cache.clear()
    again = await keystone.rescope(first.headers["x-subject-token"], {"project": {"name": "admin", "domain": {"id": "default"}}})
    assert again.json["token"]["expires_at"] == first.json["token"]["expires_at"]
    assert again.json["token"]["audit_ids"][1] == first.json["token"]["audit_ids"][0]


async def test_revocation_ends_it_and_its_offspring(keystone):
    admin, other = await keystone.as_(), await keystone.as_()
    child = (await keystone.rescope(admin.token)).headers["x-subject-token"]
    assert (await admin.request("DELETE", f"{V3}/auth/tokens", headers={"x-subject-token": admin.token})).status == 204
    keystone.identity.tokens.cache.clear()
    assert [await keystone.works(t) for t in (admin.token, child, other.token)] == [False, False, True]


async def test_longest_chain_fits():
    """The longest token there can be is still looked at."""
    formats = Formats(sealing_keys(), signing())
    async with booted(token_provider="jws") as keystone:
        token = (await keystone.as_()).token
        for _ in range(LONGEST_CHAIN - 1):
            token = (await keystone.rescope(token, SYSTEM)).headers["x-subject-token"]
        payload = keystone.identity.tokens.formats.read(token)
    written = formats.write(payload)
    assert len(written) <= LONGEST and formats.read(written) == payload


@pytest.mark.parametrize("signs", [False, True])
async def test_all_that_a_payload_can_say_goes_there_and_back(signs):
    now = datetime(2026, 1, 1, 12, 30, 1, 123457, UTC)
    full = Payload(user_id="a" * 32, methods=frozenset(METHODS), scope=PROJECT, target_id="a project's name", issued_at=now,
                   expires_at=now + timedelta(microseconds=1), generation=2**40, audit_ids=(audit_id(b"1" * 16), audit_id(b"2" * 16)),
                   trust_id="b" * 32, app_cred_id="c" * 32, credential_id="d" * 64)
    formats = Formats(sealing_keys(), signing() if signs else None)
    assert formats.read(formats.write(full)) == full


async def test_nothing_that_was_changed_or_made_elsewhere_opens_a_door(keystone):
    token = (await keystone.as_(project=None)).token
    head, said, _ = parts(token)
    before, signature = token.rpartition(".")[0], token.rpartition(".")[2]
    public = next(iter(keystone.identity.signing_keys._public.values()))
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    symmetric = f"{text(head | {'alg': 'HS256'})}.{text(said)}"
    stranger = ec.generate_private_key(ec.SECP256R1())
    foreign = signing()
    for forged in (
        f"{text(head | {'alg': 'none'})}.{text(said)}.",
        f"{before}.",
        before,
        f"{symmetric}.{text(hmac.digest(pem, symmetric.encode(), hashlib.sha256))}",
        f"{text(head)}.{text(said | {'openstack_system': 'all'})}.{signature}",
        f"{text(head)}.{text(said | {'exp': said['exp'] + 3600})}.{signature}",
        f"{text(head | {'kid': 'nobodys'})}.{text(said)}.{signature}",
        f"{text({'alg': 'ES256', 'typ': 'JWT'})}.{text(said)}.{signature}",
        f"{before}.{text(foreign.sign(before.encode()))}",
        f"{before}.{text(stranger.sign(before.encode(), ec.ECDSA(hashes.SHA256())))}",
        f"{before}.{text(bytes(64))}",
        f"{token}=",
        f"{token}.{signature}",
        token[:-1] + ("A" if token[-1] != "A" else "Q"),
        "..",
        "a.b.c",
        "é.ü.ß",
    ):
        assert not await keystone.works(forged.encode().decode("latin-1")), forged
    assert await keystone.works(token)


async def test_a_token_has_one_spelling(keystone):
    """The last character of a signature carries bits that are not of it; a second spelling would be a token nobody revoked by text."""
    token = (await keystone.as_()).token
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]
    assert not await keystone.works(twin) and await keystone.works(token)


async def test_keys_are_files_that_rotate(tmp_path):
    one, two = signing(tmp_path / "jws", max_active_keys=3), signing(tmp_path / "jws", max_active_keys=3)
    folder = tmp_path / "jws"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE((folder / n).stat().st_mode) for n in os.listdir(folder)} == {0o600}
    assert load_pem_private_key((folder / "1").read_bytes(), None).curve.name == "secp256r1"
    first, signature = one.primary, one.sign(b"x")
    one.rotate()
    assert one.primary != first and one.signed(first, b"x", signature)
    assert two.signed(one.primary, b"y", one.sign(b"y")), "the staged key was known before it signed"
    one.rotate()
    one.rotate()
    assert not one.signed(first, b"x", signature) and sorted(os.listdir(folder)) == ["0", "3", "4"]
    assert signing(folder).primary == one.primary


async def test_both_kinds_of_keys_rotate_when_it_is_time(tmp_path):
    folders = {"key_repository": str(tmp_path / "f"), "jws_key_repository": str(tmp_path / "j")}
    async with booted(**folders, token_provider="jws", key_rotation_s=3600, token_expiration_s=86400) as keystone:
        token = (await keystone.as_()).token
        await asyncio.sleep(3600)
        assert await rotate_keys(keystone.identity) == "keys rotated" and await rotate_keys(keystone.identity) is None
        assert sorted(os.listdir(tmp_path / "j")) == sorted(os.listdir(tmp_path / "f")) == ["0", "1", "2"]
        assert await keystone.works(token)


async def test_a_cloud_that_starts_signing_breaks_nobodys_session(tmp_path):
    database = {"url": f"sqlite:///{tmp_path}/db", "key_repository": str(tmp_path / "f"), "jws_key_repository": str(tmp_path / "j")}
    async with booted(**database) as keystone:
        sealed = (await keystone.as_()).token
    async with booted(**database, token_provider="jws") as keystone:
        signed = (await keystone.as_()).token
        assert "." in signed and await keystone.works(sealed) and await keystone.works(signed)
    async with booted(**database) as keystone:
        assert await keystone.works(sealed) and not await keystone.works(signed), "who does not sign does not believe signatures"
