"""Signatures with the keys that accounts and containers have for it: of temporary URLs, of forms."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import hmac
from collections.abc import AsyncIterator

from pileus.object_store.pipeline.feature import Store

#: The length of a signature in hexadecimal digits → its digest.
BY_LENGTH = {40: "sha1", 64: "sha256", 128: "sha512"}
#: Still taken where an operator allows it.
OUTDATED = ("sha1",)
NAMES = ("temp-url-key", "temp-url-key-2")


async def keys_of(store: Store, account: str, container: str) -> AsyncIterator[tuple[str, str]]:
    """Keys, and what each of them opens."""
    for name in NAMES:
        if key := (await store.account_info(account)).meta("account", name):
            yield key, f"/{account}/"
    for name in NAMES:
        if key := (await store.container_info(account, container)).meta("container", name):
            yield key, f"/{account}/{container}/"


def signs(key: str, given: bytes, message: bytes, digest: str) -> bool:
    return hmac.compare_digest(given, hmac.digest(key.encode("utf-8", "surrogateescape"), message, digest))


def parse(text: str) -> tuple[str, bytes]:
    """The digest and the bytes of a signature. Raises ValueError."""
    name, colon, encoded = text.partition(":")
    if colon:
        padded = encoded.replace("-", "+").replace("_", "/") + "=" * (-len(encoded) % 4)
        return name, base64.b64decode(padded, validate=True)
    if len(text) not in BY_LENGTH:
        raise ValueError("no signature")
    return BY_LENGTH[len(text)], bytes.fromhex(text)
