"""The key pairs (P-256) that signed tokens are made with, over a folder of files that rotates (`key_folder`).

A file is a private key in PEM. A key's name, which the tokens it signs carry, is made from its public half, so every copy of
the control plane calls it the same.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from pileus.core.clock import Clock
from pileus.core.ids import Ids
from pileus.identity.config import IdentityConfig
from pileus.identity.key_folder import KeyFolder, RotatingKeys

#: Bytes of one of the two numbers that are a signature.
HALF = 32
_ECDSA = ec.ECDSA(hashes.SHA256())


class SigningKeys(RotatingKeys):
    """`path` None: keys live in memory, and what they signed ends with the process."""

    def __init__(self, path: Path | None, config: IdentityConfig, clock: Clock, ids: Ids):
        super().__init__(KeyFolder(path, _new, keep=config.max_active_keys, clock=clock, ids=ids), clock)
        self._primary: tuple[str, ec.EllipticCurvePrivateKey] | None = None
        self._public: dict[str, ec.EllipticCurvePublicKey] = {}

    def take(self, keys: list[bytes]) -> None:
        named = [(name(key.public_key()), key) for key in map(_read, keys)]
        self._primary, self._public = named[0], {n: key.public_key() for n, key in named}

    @property
    def primary(self) -> str:
        """The name of the key that signs."""
        assert self._primary is not None
        return self._primary[0]

    def sign(self, data: bytes) -> bytes:
        """The signature of the primary key, as JWS writes it: two numbers of fixed width."""
        assert self._primary is not None
        r, s = decode_dss_signature(self._primary[1].sign(data, _ECDSA))
        return r.to_bytes(HALF, "big") + s.to_bytes(HALF, "big")

    def signed(self, key: str, data: bytes, signature: bytes) -> bool:
        """Whether our key of this name signed `data`."""
        if key not in self._public:
            self.look_again()
        public = self._public.get(key)
        if public is None or len(signature) != 2 * HALF:
            return False
        r, s = (int.from_bytes(half, "big") for half in (signature[:HALF], signature[HALF:]))
        try:
            public.verify(encode_dss_signature(r, s), data, _ECDSA)
        except InvalidSignature:
            return False
        return True


def name(public: ec.EllipticCurvePublicKey) -> str:
    plain = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(plain).hexdigest()[:16]


def _new() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _read(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """Raises ValueError for a file that is no private key of this kind."""
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("A key for signing tokens must be of the curve P-256.")
    return key
