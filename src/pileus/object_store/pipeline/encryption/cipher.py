"""AES in counter mode: what is encrypted is as long as what it was, and any piece of it can be read. Pure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any
from urllib.parse import quote, unquote

import msgspec

#: Bytes of a block, of which one vector counts up.
BLOCK = 16
MARK = "; crypto="


class Undecipherable(Exception):
    """Something was encrypted with a secret that is not known, or has been changed since."""


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept with an encrypted body: the secret's id, the vector, and the body's own key, encrypted."""

    secret: str
    iv: str
    key: str
    key_iv: str

    @classmethod
    def load(cls, text: str) -> Sealed:
        """Raises Undecipherable."""
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError as problem:
            raise Undecipherable("what belongs to the encryption is damaged") from problem


def stream(key: bytes, iv: bytes, offset: int = 0) -> Any:
    """What turns bytes from `offset` on into encrypted ones, and back: `.update(bytes)`."""
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CTR

    blocks, rest = divmod(offset, BLOCK)
    counter = (int.from_bytes(iv, "big") + blocks) % (1 << 8 * BLOCK)
    made = Cipher(AES(key), CTR(counter.to_bytes(BLOCK, "big"))).encryptor()
    made.update(bytes(rest))
    return made


def value(text: str, key: bytes, secret: str, iv: bytes) -> str:
    """A header's value, encrypted; it says with which secret."""
    sealed = stream(key, iv).update(text.encode("utf-8", "surrogateescape"))
    return f"{b64encode(iv + sealed).decode()}{MARK}{quote(secret, safe='')}"


def secret_of(sealed: str) -> str | None:
    """The id of the secret that a value was encrypted with; None when it is not encrypted."""
    _, mark, secret = sealed.rpartition(MARK)
    return unquote(secret) if mark else None


def opened(sealed: str, key: bytes) -> str:
    """The value again. Raises Undecipherable."""
    try:
        data = b64decode(sealed.rpartition(MARK)[0], validate=True)
    except ValueError as problem:
        raise Undecipherable("not an encrypted value") from problem
    return stream(key, data[:BLOCK]).update(data[BLOCK:]).decode("utf-8", "surrogateescape")
