"""Key pairs through the API."""

import base64
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import pkcs12

from pileus.compute.config import ComputeConfig, QuotaDefaults
from tests.compute.resources import ROOT, compute

KEYS = f"{ROOT}/os-keypairs"


def public_key():
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode() + " me@home"


async def test_a_key_pair_lives_its_life():
    async with compute() as c:
        key, me = public_key(), c.member()
        made = await me.post(KEYS, {"keypair": {"name": "mine", "public_key": key}})
        digest = hashlib.md5(base64.b64decode(key.split()[1])).hexdigest()
        fingerprint = ":".join(digest[i : i + 2] for i in range(0, 32, 2))
        basic = {"name": "mine", "public_key": key, "fingerprint": fingerprint, "type": "ssh"}
        assert made.status == 201 and made.json == {"keypair": basic | {"user_id": "user-of-p1"}}
        shown = (await me.get(f"{KEYS}/mine")).json["keypair"]
        assert shown == basic | {
            "user_id": "user-of-p1",
            "id": 1,
            "created_at": "2026-01-01T00:00:00.000000",
            "updated_at": None,
            "deleted": False,
            "deleted_at": None,
        }
        assert (await me.get(KEYS)).json == {"keypairs": [{"keypair": basic}]}
        taken = await me.post(KEYS, {"keypair": {"name": "mine", "public_key": key}})
        assert taken.status == 409 and taken.json["conflictingRequest"]["message"] == "Key pair 'mine' already exists."
        gone = await me.delete(f"{KEYS}/mine")
        assert gone.status == 204 and gone.data == b""
        assert (await me.get(f"{KEYS}/mine")).status == 404 and (await me.delete(f"{KEYS}/mine")).status == 404


async def test_each_version_has_its_status_and_its_fields():
    async with compute() as c:
        made = await c.member("2.1").post(KEYS, {"keypair": {"name": "old", "public_key": public_key()}})
        assert made.status == 200 and "type" not in made.json["keypair"]
        assert "type" not in (await c.member("2.1").get(f"{KEYS}/old")).json["keypair"]
        assert "type" not in (await c.member("2.1").get(KEYS)).json["keypairs"][0]["keypair"]
        assert (await c.member("2.2").get(f"{KEYS}/old")).json["keypair"]["type"] == "ssh"
        assert (await c.member("2.1").delete(f"{KEYS}/old")).status == 202
        assert (await c.member("2.1").post(KEYS, {"keypair": {"name": "x", "type": "ssh"}})).status == 400
        assert (await c.member("2.9").post(KEYS, {"keypair": {"name": "x", "user_id": "me"}})).status == 400
        assert (await c.member("2.92").post(KEYS, {"keypair": {"name": "x"}})).status == 400
        assert (await c.member("2.91").post(KEYS, {"keypair": {"name": "a@b.c", "public_key": public_key()}})).status == 400
        assert (await c.member("2.92").post(KEYS, {"keypair": {"name": "a@b.c", "public_key": public_key()}})).status == 201


async def test_pairs_were_generated_before_2_92():
    async with compute() as c:
        made = (await c.member("2.91").post(KEYS, {"keypair": {"name": "new"}})).json["keypair"]
        private = serialization.load_pem_private_key(made["private_key"].encode(), None)
        public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
        assert (
            made["private_key"].startswith("-----BEGIN RSA PRIVATE KEY-----") and made["public_key"].split()[1] == public.split()[1]
        )
        assert "private_key" not in (await c.member("2.91").get(f"{KEYS}/new")).json["keypair"]


async def test_no_public_key_is_not_the_null_one():
    async with compute() as c:
        assert (await c.member("2.91").post(KEYS, {"keypair": {"name": "new", "public_key": None}})).status == 400


async def test_certificates():
    async with compute() as c:
        made = (await c.member("2.91").post(KEYS, {"keypair": {"name": "win", "type": "x509"}})).json["keypair"]
        key, certificate, _ = pkcs12.load_key_and_certificates(base64.b64decode(made["private_key"]), None)
        loaded = x509.load_pem_x509_certificate(made["public_key"].encode())
        assert certificate == loaded and key.public_key() == loaded.public_key() and len(made["fingerprint"].split(":")) == 20
        (name,) = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert name.value.endswith(b"user-of-p1@localhost")
        again = await c.member().post(KEYS, {"keypair": {"name": "copy", "type": "x509", "public_key": made["public_key"]}})
        assert again.json["keypair"]["fingerprint"] == made["fingerprint"]
        assert (await c.member().post(KEYS, {"keypair": {"name": "bad", "type": "x509", "public_key": public_key()}})).status == 400


BAD = [
    {"name": ""},
    {"name": "a" * 256},
    {"name": "key-/.\\@:"},
    {"name": " lead"},
    {"name": "trail "},
    {"name": "a\n"},
    {"name": None},
    {"public_key": "ssh-rsa JUNK nova@ubuntu"},
    {"public_key": ""},
    {"public_key": "ssh-rsa"},
    {"public_key": "ssh-rsa " + "A" * 20000},
    {"public_key": None},
    {"public_key": "ssh-rsa é"},
    {"type": "gpg"},
    {"more": 1},
]


@pytest.mark.parametrize("fields", BAD, ids=lambda f: str(f)[:30])
async def test_bad_input_changes_nothing(fields):
    async with compute() as c:
        assert (await c.member().post(KEYS, {"keypair": {"name": "k", "public_key": public_key()} | fields})).status == 400
        assert (await c.member().get(KEYS)).json["keypairs"] == []


async def test_pages():
    async with compute() as c:
        for name in ("a", "b", "c"):
            await c.member().post(KEYS, {"keypair": {"name": name, "public_key": public_key()}})

        def names(answer):
            return [item["keypair"]["name"] for item in answer.json["keypairs"]]

        first = await c.member().get(f"{KEYS}?limit=2")
        assert names(first) == ["a", "b"] and first.json["keypairs_links"][0]["href"].endswith(
            "/compute/v2.1/os-keypairs?limit=2&marker=b"
        )
        assert names(await c.member().get(f"{KEYS}?limit=2&marker=b")) == ["c"]
        assert (await c.member().get(f"{KEYS}?marker=none")).status == 400
        assert names(await c.member("2.34").get(f"{KEYS}?limit=1")) == ["a", "b", "c"]
        assert (await c.member().get(f"{KEYS}?x=1")).status == 400 and (await c.member("2.74").get(f"{KEYS}?x=1")).status == 200


async def test_administrators_act_for_others_and_nobody_else_does():
    async with compute() as c:
        body = {"keypair": {"name": "k", "public_key": public_key(), "user_id": "bob"}}
        assert (await c.member(user="alice").post(KEYS, body)).status == 403
        assert (await c.admin().post(KEYS, body)).json["keypair"]["user_id"] == "bob"
        assert (await c.member(user="bob").get(f"{KEYS}/k")).status == 200
        assert (await c.member(user="alice").get(f"{KEYS}/k")).status == 404
        for ask in ("get", "delete"):
            assert (await getattr(c.member(user="alice"), ask)(f"{KEYS}/k?user_id=bob")).status == 403
        assert (await c.member(user="alice").get(f"{KEYS}?user_id=bob")).status == 403
        assert (await c.admin("2.9").get(f"{KEYS}/k?user_id=bob")).status == 404
        assert (await c.admin().get(f"{KEYS}?user_id=bob")).json["keypairs"][0]["keypair"]["name"] == "k"
        assert (await c.admin().delete(f"{KEYS}/k?user_id=bob")).status == 204


async def test_there_is_a_limit_per_user():
    async with compute(ComputeConfig(quota=QuotaDefaults(key_pairs=1))) as c:
        body = {"keypair": {"name": "one", "public_key": public_key()}}
        assert (await c.member().post(KEYS, body)).status == 201
        refused = await c.member().post(KEYS, {"keypair": body["keypair"] | {"name": "two"}})
        assert refused.status == 403 and refused.json == {
            "forbidden": {"code": 403, "message": "Quota exceeded, too many key pairs."}
        }
        assert (await c.member(user="other").post(KEYS, body)).status == 201
