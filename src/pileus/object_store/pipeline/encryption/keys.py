"""Keys, each for one path only, made from root secrets: who has one object's key reads one object.

Secrets are rotated by adding one and naming it the active one: what is there stays readable as long as its secret is configured.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import binascii
import hmac
from base64 import b64decode
from collections.abc import Iterator, Mapping

from pileus.object_store.pipeline.encryption.cipher import Undecipherable

LEAST = 32


class Keymaster:
    """`secrets`: id → secret in base64. Raises ValueError for those that are none, or too short."""

    def __init__(self, secrets: Mapping[str, str], active: str):
        self.roots = {id: _decoded(id, text) for id, text in secrets.items()}
        self.active = active
        if self.roots and active not in self.roots:
            raise ValueError(f"the active secret {active!r} is none of encryption's root_secrets")

    def key(self, path: str, secret: str | None = None) -> bytes:
        """The key of `/ACCOUNT/CONTAINER[/OBJECT]`. Raises Undecipherable."""
        root = self.roots.get(self.active if secret is None else secret)
        if root is None:
            raise Undecipherable(f"the secret {secret!r} is not configured")
        return hmac.digest(root, path.encode("utf-8", "surrogateescape"), "sha256")

    def all_keys(self, path: str) -> Iterator[bytes]:
        return (self.key(path, id) for id in self.roots)


def masked(etag: str, key: bytes) -> str:
    """What preconditions compare, so that the ETag itself need not lie there."""
    return hmac.digest(key, etag.encode("utf-8", "surrogateescape"), "sha256").hex()


def _decoded(id: str, text: str) -> bytes:
    try:
        root = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"encryption's secret {id!r} is not base64") from None
    if len(root) < LEAST:
        raise ValueError(f"encryption's secret {id!r} has fewer than {LEAST} bytes")
    return root
