"""Clients' certificates, as a web server in front hands them on after it has checked them: whose they are, and which one it is.

Pure. That the certificate is valid, and the client's, is known by the server that took the connection.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

import msgspec

if TYPE_CHECKING:
    from cryptography.x509 import Name

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
#: Object identifiers of the parts of a name.
_NAMES = {
    "2.5.4.3": "CN",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.6": "C",
    "2.5.4.8": "ST",
    "2.5.4.7": "L",
    "2.5.4.9": "STREET",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
    "1.2.840.113549.1.9.1": "EMAILADDRESS",
}


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """`thumbprint`: of RFC 8705 (x5t#S256). `issuer`: its name (RFC 4514).

    `said`: the parts of subject and issuer, under the names mappings ask for them by.
    """

    thumbprint: str
    issuer: str
    said: dict[str, list[str]]


def read(header: str) -> Certificate | None:
    """A certificate in a header: PEM, its line ends escaped or gone. None for what is none."""
    from cryptography.x509 import load_der_x509_certificate  # takes long to load, and most clouds see no certificates

    found = _PEM.search(unquote(header))
    try:
        der = base64.b64decode("".join(found[1].split()), validate=True) if found is not None else b""
        certificate = load_der_x509_certificate(der)
        issuer = certificate.issuer.rfc4514_string()
        said = _said("SUBJECT", certificate.subject) | _said("ISSUER", certificate.issuer)
    except (binascii.Error, ValueError):
        return None
    digest = hashlib.sha256(der).digest()
    return Certificate(thumbprint=base64.urlsafe_b64encode(digest).decode().rstrip("="), issuer=issuer, said=said)


def _said(whose: str, name: Name) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for attribute in name:
        part = _NAMES.get(attribute.oid.dotted_string)
        if part is not None and isinstance(attribute.value, str):
            found.setdefault(f"SSL_CLIENT_{whose}_DN_{part}", []).append(attribute.value)
    return found
