"""Keys and certificates: fingerprints of those that users bring, and new ones for clients before 2.92."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import binascii
import hashlib
from datetime import datetime, timedelta

import msgspec

from pileus.compute.errors import KeypairInvalid

BITS = 2048
#: More than any key has; what is longer is not looked at.
MAX_KEY = 16384
#: Microsoft's name for a user inside a certificate: what WinRM knows a caller by.
USER_PRINCIPAL_NAME = "1.3.6.1.4.1.311.20.2.3"


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A new pair. The private half is shown once and never stored."""

    private_key: str
    public_key: str


def fingerprint(type: str, public_key: str) -> str:
    """MD5 of an ssh key or SHA-1 of a certificate, in hexadecimal pairs. Raises KeypairInvalid for what is neither."""
    if len(public_key) > MAX_KEY:
        raise KeypairInvalid(reason=f"public key is longer than {MAX_KEY} characters")
    return _x509_fingerprint(public_key) if type == "x509" else _ssh_fingerprint(public_key)


def generate(type: str, user_id: str, now: datetime) -> Made:
    """A new pair; takes about a tenth of a second of a core."""
    return _generate_x509(user_id, now) if type == "x509" else _generate_ssh()


def _ssh_fingerprint(public_key: str) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        serialization.load_ssh_public_key(public_key.encode())
        octets = base64.b64decode(public_key.split()[1])
    except (ValueError, IndexError, UnsupportedAlgorithm, UnicodeEncodeError, binascii.Error) as problem:
        raise KeypairInvalid(reason="failed to generate fingerprint") from problem
    return _pairs(hashlib.md5(octets, usedforsecurity=False).hexdigest())


def _x509_fingerprint(certificate: str) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    try:
        loaded = x509.load_pem_x509_certificate(certificate.encode())
    except (ValueError, UnicodeEncodeError) as problem:
        raise KeypairInvalid(reason=f"failed to generate X509 fingerprint. Error message: {problem}") from problem
    return _pairs(loaded.fingerprint(hashes.SHA1()).hex())


def _pairs(digits: str) -> str:
    return ":".join(digits[i : i + 2] for i in range(0, len(digits), 2))


def _generate_ssh() -> Made:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return Made(private_key=private.decode(), public_key=public.decode() + " Generated-by-Nova")


def _generate_x509(user_id: str, now: datetime) -> Made:
    """A certificate for logging in over WinRM; the private half is a PKCS #12 file without a password, in base 64."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import pkcs12

    key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, user_id[:64])])
    principal = x509.OtherName(x509.ObjectIdentifier(USER_PRINCIPAL_NAME), _der_text(f"{user_id}@localhost"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([principal]), critical=False)
        .sign(key, hashes.SHA256())
    )
    packed = pkcs12.serialize_key_and_certificates(None, key, certificate, None, serialization.NoEncryption())
    return Made(
        private_key=base64.b64encode(packed).decode(), public_key=certificate.public_bytes(serialization.Encoding.PEM).decode()
    )


def _der_text(text: str) -> bytes:
    """A UTF8String in DER; user ids are far below the 128 bytes that one octet of length can say."""
    octets = text.encode()[:127]
    return bytes((0x0C, len(octets))) + octets
