"""The key that SAML assertions are signed with, and its certificate: one file, made at its first use, whole or not at all.

It does not rotate by itself: service providers know it by its certificate, so an operator does it in two steps. `stage` makes
the next key, whose certificate is published beside the present one's and with which nothing is signed; `promote`, when all
service providers have read the metadata again, puts it in the place of the present one. Running copies of the control plane
look at the files each time they use them, so they follow at once. A crash at any point leaves one of these two states.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
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
#: Which file a key was read from; None: none.
Seen = tuple[int, int] | None


class SamlKey:
    """`path`: the file; None: kept in memory, and never another one."""

    def __init__(self, path: Path | None, clock: Clock, ids: Ids):
        self.path, self.clock, self.ids = path, clock, ids
        self._loaded: tuple[Seen, RSAPrivateKey, Certificate] | None = None

    def get(self) -> tuple[RSAPrivateKey, Certificate]:
        """What to sign with."""
        seen = _seen(self.path.stat()) if self.path is not None and self.path.exists() else None
        if self._loaded is None or self._loaded[0] != seen:
            self._loaded = self._load()
        return self._loaded[1:]

    def published(self) -> list[Certificate]:
        """Those that may have signed what others verify: the present one, and the next one when there is one."""
        staged = self.path is not None and staged_of(self.path)
        following = [_read(staged.read_bytes())[1]] if staged and staged.exists() else []
        return [self.get()[1], *following]

    def stage(self) -> None:
        """Make the next key, unless there is one already."""
        assert self.path is not None, "a key in memory ends with its process"
        self.get()
        write_new(staged_of(self.path), self._new, self.ids)

    def promote(self) -> bool:
        """Sign with the next key from now on; False when there is none."""
        assert self.path is not None, "a key in memory ends with its process"
        staged = staged_of(self.path)
        if not staged.exists():
            return False
        _read(staged.read_bytes())
        staged.replace(self.path)
        return True

    def _load(self) -> tuple[Seen, RSAPrivateKey, Certificate]:
        if self.path is None:
            return None, *_read(self._new())
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_new(self.path, self._new, self.ids)
        with self.path.open("rb") as file:
            return _seen(os.fstat(file.fileno())), *_read(file.read())

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


def _seen(stat: os.stat_result) -> Seen:
    return stat.st_ino, stat.st_mtime_ns


def staged_of(path: Path) -> Path:
    """Where the next key is while this is the present one's file."""
    return path.with_name(f"{path.stem}.next{path.suffix}")


def _read(pem: bytes) -> tuple[RSAPrivateKey, Certificate]:
    """Raises ValueError for what is no RSA key with a certificate."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key, certificate = load_pem_private_key(pem, None), x509.load_pem_x509_certificate(pem)
    if not isinstance(key, rsa.RSAPrivateKey) or key.public_key() != certificate.public_key():
        raise ValueError("The file must hold an RSA key and its certificate.")
    return key, certificate
