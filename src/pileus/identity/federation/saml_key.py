"""The key that SAML assertions are signed with, and its certificate: one file, made at its first use, whole or not at all.

It does not rotate by itself: service providers know it by its certificate, so changing it is for operators to arrange.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pileus.core.clock import Clock
from pileus.core.ids import Ids
from pileus.identity.key_folder import write_new

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.x509 import Certificate

#: Service providers compare the certificate with the one they were given; its dates are of no use to anybody.
YEARS = 20
NAME = "saml-idp.pem"


class SamlKey:
    """`path`: the file; None: kept in memory."""

    def __init__(self, path: Path | None, clock: Clock, ids: Ids):
        self.path, self.clock, self.ids = path, clock, ids
        self._loaded: tuple[RSAPrivateKey, Certificate] | None = None

    def get(self) -> tuple[RSAPrivateKey, Certificate]:
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded

    def _load(self) -> tuple[RSAPrivateKey, Certificate]:
        if self.path is None:
            return _read(self._new())
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_new(self.path, self._new, self.ids)
        return _read(self.path.read_bytes())

    def _new(self) -> bytes:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import rsa
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
        from cryptography.x509.oid import NameOID

        key = rsa.generate_private_key(65537, 3072)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Pileus identity provider")])
        now = self.clock.now()
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(int.from_bytes(self.ids.secret(16), "big") >> 1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=365 * YEARS))
            .sign(key, hashes.SHA256())
        )
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM)


def _read(pem: bytes) -> tuple[RSAPrivateKey, Certificate]:
    """Raises ValueError for what is no RSA key with a certificate."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key, certificate = load_pem_private_key(pem, None), x509.load_pem_x509_certificate(pem)
    if not isinstance(key, rsa.RSAPrivateKey) or key.public_key() != certificate.public_key():
        raise ValueError("The file must hold an RSA key and its certificate.")
    return key, certificate
