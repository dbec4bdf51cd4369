"""Signed images: their bytes are what the holder of a certificate signed, or they do not come in.

An image is signed when it has the four `img_signature…` properties; with some of them only it is refused, for whoever set them
wanted the bytes verified. Certificates are files `ID.pem` of a folder that operators fill. Whom to trust is theirs to say:
a certificate is looked up and must be of today, no chain is followed.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from pileus.core.clock import Clock
from pileus.image.backends.work import Workers
from pileus.image.errors import CertificateUnusable, SignatureIncomplete, SignatureInvalid
from pileus.image.model import Image

SIGNATURE, HASH, KIND, CERTIFICATE = (
    "img_signature", "img_signature_hash_method", "img_signature_key_type", "img_signature_certificate_uuid")
PROPERTIES = (SIGNATURE, HASH, KIND, CERTIFICATE)
HASHES = {"SHA-224": "sha224", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
#: A certificate's id becomes a file's name.
ID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")


def signed(image: Image) -> bool:
    """Whether anybody wants the bytes verified."""
    return any(name in image.properties for name in PROPERTIES)


class Verifier:
    """Takes the bytes of one image by `digest.update`, then says whether they are the signed ones."""

    def __init__(self, name: str, key: Any, signature: bytes):
        self.digest, self.key, self.signature = hashlib.new(name), key, signature

    def check(self) -> None:
        """Raises SignatureInvalid."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, utils

        algorithm = getattr(hashes, self.digest.name.upper())()
        found, prehashed = self.digest.digest(), utils.Prehashed(algorithm)
        try:
            if isinstance(self.key, ec.EllipticCurvePublicKey):
                self.key.verify(self.signature, found, ec.ECDSA(prehashed))
            elif isinstance(self.key, dsa.DSAPublicKey):
                self.key.verify(self.signature, found, prehashed)
            else:
                pss = padding.PSS(mgf=padding.MGF1(algorithm), salt_length=padding.PSS.AUTO)
                self.key.verify(self.signature, found, pss, prehashed)
        except InvalidSignature as wrong:
            raise SignatureInvalid() from wrong


class Signatures:
    def __init__(self, folder: Path | None, clock: Clock, workers: Workers):
        self.folder, self.clock, self.workers = folder, clock, workers

    async def verifier(self, image: Image) -> Verifier | None:
        """For an image that is signed. Raises SignatureIncomplete or CertificateUnusable, before there is a byte."""
        given = {name: image.properties[name] for name in PROPERTIES if name in image.properties}
        if not given:
            return None
        if missing := [name for name in PROPERTIES if name not in given]:
            raise SignatureIncomplete(why=f"{', '.join(missing)} must be set as well")
        if given[HASH] not in HASHES:
            raise SignatureIncomplete(why=f"{HASH} is one of {', '.join(HASHES)}")
        try:
            signature = base64.b64decode(given[SIGNATURE], validate=True)
        except binascii.Error as wrong:
            raise SignatureIncomplete(why=f"{SIGNATURE} is not base64") from wrong
        key = await self.workers.run(self._key, given[CERTIFICATE])
        if kind(key) != given[KIND]:
            raise CertificateUnusable(id=given[CERTIFICATE], why=f"its key is not of the kind {given[KIND]}")
        return Verifier(HASHES[given[HASH]], key, signature)

    async def check(self, image: Image, blocks: AsyncIterator[bytes]) -> None:
        """Verify bytes that were stored, as before a guest starts from them. An image that is not signed is as it is."""
        verifier = await self.verifier(image)
        if verifier is not None:
            async for block in blocks:
                await self.workers.run(verifier.digest.update, block)
            verifier.check()

    def _key(self, id: str) -> Any:
        """The public key of a certificate. Raises CertificateUnusable."""
        from cryptography import x509

        if self.folder is None or not ID.fullmatch(id):
            raise CertificateUnusable(id=id, why="there is no such certificate")
        try:
            certificate = x509.load_pem_x509_certificate((self.folder / f"{id}.pem").read_bytes())
            key = certificate.public_key()
        except FileNotFoundError as absent:
            raise CertificateUnusable(id=id, why="there is no such certificate") from absent
        except (OSError, ValueError) as problem:
            raise CertificateUnusable(id=id, why="it cannot be read", detail=str(problem)) from problem
        if not certificate.not_valid_before_utc <= self.clock.now() <= certificate.not_valid_after_utc:
            raise CertificateUnusable(id=id, why="it is not valid today")
        return key


def kind(key: Any) -> str:
    """What Glance calls such a key."""
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ECC_{key.curve.name.upper()}"
    if isinstance(key, dsa.DSAPublicKey):
        return "DSA"
    return "RSA-PSS" if isinstance(key, rsa.RSAPublicKey) else "unknown"
