"""Signed images: what was signed comes in, anything else does not; and once more before a guest starts."""

import base64
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa

from pileus.image.errors import SignatureInvalid
from tests.image.service import ROOT, glance

ID = "11111111-2222-3333-4444-555555555555"
DATA = b"bytes" * 1000


def certify(folder, key, until=2030, id=ID):
    """A certificate of the key, valid from 2025 on."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "signer")])
    begin, end = datetime(2025, 1, 1, tzinfo=UTC), datetime(until, 6, 1, tzinfo=UTC)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
            .not_valid_before(begin).not_valid_after(end).sign(key, hashes.SHA256()))
    (folder / f"{id}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))


def pss(key, data=DATA, algorithm=None):
    algorithm = algorithm or hashes.SHA256()
    return key.sign(data, padding.PSS(padding.MGF1(algorithm), padding.PSS.MAX_LENGTH), algorithm)


def signed(signature, kind="RSA-PSS", method="SHA-256", id=ID):
    return {"img_signature": base64.b64encode(signature).decode(), "img_signature_hash_method": method, "img_signature_key_type": kind,
            "img_signature_certificate_uuid": id}


RSA = rsa.generate_private_key(65537, 2048)
CURVE = ec.generate_private_key(ec.SECP384R1())
DSA = dsa.generate_private_key(1024)


@pytest.mark.parametrize("key, fields", [
    (RSA, signed(pss(RSA))), (RSA, signed(pss(RSA, algorithm=hashes.SHA512()), method="SHA-512")),
    (CURVE, signed(CURVE.sign(DATA, ec.ECDSA(hashes.SHA384())), "ECC_SECP384R1", "SHA-384")),
    (DSA, signed(DSA.sign(DATA, hashes.SHA224()), "DSA", "SHA-224")),
])
async def test_what_was_signed_comes_in_and_nothing_else(tmp_path, key, fields):
    certify(tmp_path, key)
    async with glance(certificates_folder=str(tmp_path)) as g:
        image = await g.make(**fields)
        refused = await g.upload(image["id"], DATA[:-1] + b"!")
        assert refused.status == 400 and "ignature verification" in refused.json["message"]
        assert (await g.show(image["id"]))["status"] == "queued" and g.files() == []
        assert (await g.upload(image["id"], DATA)).status == 204
        assert (await g.show(image["id"]))["status"] == "active"


@pytest.mark.parametrize("change, why", [
    ({"img_signature": "!"}, "base64"), ({"img_signature": None}, "img_signature must be set"),
    ({"img_signature_hash_method": "MD5"}, "one of"), ({"img_signature_key_type": "DSA"}, "kind"),
    ({"img_signature_certificate_uuid": "22222222-2222-3333-4444-555555555555"}, "no such"),
    ({"img_signature_certificate_uuid": "../" + ID}, "no such"),
    ({"img_signature_certificate_uuid": "33333333-2222-3333-4444-555555555555"}, "today"),
    ({"img_signature_certificate_uuid": "44444444-2222-3333-4444-555555555555"}, "read"),
])
async def test_signatures_that_cannot_be_verified(tmp_path, change, why):
    certificates = tmp_path / "certificates"
    certificates.mkdir()
    certify(tmp_path, RSA)
    certify(certificates, RSA)
    certify(certificates, RSA, until=2025, id="33333333-2222-3333-4444-555555555555")
    (certificates / "44444444-2222-3333-4444-555555555555.pem").write_text("nonsense")
    async with glance(certificates_folder=str(certificates)) as g:
        image = await g.make(**{k: v for k, v in (signed(pss(RSA)) | change).items() if v is not None})
        refused = await g.upload(image["id"], DATA)
        assert refused.status == 400 and why in refused.json["message"], refused.text
        assert (await g.show(image["id"]))["status"] == "queued" and g.files() == []


async def test_bytes_are_verified_again_before_a_guest_starts(tmp_path):
    certify(tmp_path, RSA)
    async with glance(certificates_folder=str(tmp_path), verify_at_boot=True) as g:
        image, plain = await g.filled(DATA, **signed(pss(RSA))), await g.filled(b"plain")
        path = await g.images.local_path(image["id"])
        assert path.read_bytes() == DATA and (await g.images.local_path(plain["id"])).read_bytes() == b"plain"
        path.write_bytes(DATA[:-1] + b"!")
        with pytest.raises(SignatureInvalid):
            await g.images.local_path(image["id"])


async def test_a_cloud_without_certificates_refuses_signed_images():
    async with glance() as g:
        image = await g.make(**signed(pss(RSA)))
        assert (await g.upload(image["id"], DATA)).status == 400
        assert (await g.member().delete(f"{ROOT}/{image['id']}")).status == 204
