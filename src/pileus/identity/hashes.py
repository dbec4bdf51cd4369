"""Hashes of passwords, as strings that say how they were made: those of Keystone (and passlib) are understood. Pure.

bcrypt looks at 72 bytes and stops at a zero byte; what is longer, or holds one, is first condensed (`bcrypt-sha256`, version
2), so nothing of a password is ever ignored. `scrypt` and `pbkdf2-sha512` take any length.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from typing import Literal

import bcrypt
import msgspec

Algorithm = Literal["bcrypt", "bcrypt_sha256", "scrypt", "pbkdf2_sha512"]

_CONDENSED = re.compile(r"\$bcrypt-sha256\$v=2,t=2b,r=(\d{1,2})\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})")
_CONDENSED_1 = re.compile(r"\$bcrypt-sha256\$2[aby],(\d{1,2})\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})")
_SCRYPT = re.compile(r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)")
_PBKDF2 = re.compile(r"\$pbkdf2-sha512\$(\d{1,7})\$([A-Za-z0-9./]+)\$([A-Za-z0-9./]+)")
_STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BCRYPT = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_ALPHABET = bytes.maketrans(_STANDARD, _BCRYPT)
#: scrypt takes 128 * r * 2**ln bytes of memory; a stored hash that asks for more is nobody's.
MOST_MEMORY = 256 << 20
SCRYPT_R, SCRYPT_P, SCRYPT_OCTETS = 8, 1, 32


class Recipe(msgspec.Struct, frozen=True):
    """How new hashes are made. `cost`: of bcrypt and scrypt the logarithm of the work, of pbkdf2 the number of rounds."""

    algorithm: Algorithm
    cost: int

    def hash(self, password: bytes, salt: bytes) -> str:
        match self.algorithm:
            case "scrypt":
                return _scrypt_hash(password, self.cost, salt)
            case "pbkdf2_sha512":
                return _pbkdf2_hash(password, self.cost, salt)
            case "bcrypt_sha256":
                return bcrypt_hash(password, self.cost, salt, condense=True)
        return bcrypt_hash(password, self.cost, salt)

    def nobodys(self, salt: bytes) -> str:
        """A hash that no password has, and that takes as long to refuse as any other."""
        if self.algorithm in ("bcrypt", "bcrypt_sha256"):
            return bcrypt_hash(b"", self.cost, salt, blank=True)
        head, _, _ = self.hash(b"", salt).rpartition("$")
        octets = SCRYPT_OCTETS if self.algorithm == "scrypt" else hashlib.sha512().digest_size
        return f"{head}${_unpadded(bytes(octets))}"

    def cheaper(self, stored: str) -> bool:
        """Whether refusing `stored` takes less work than refusing what this makes: then it must not be refused sooner."""
        if self.algorithm == "scrypt":
            found = _SCRYPT.fullmatch(stored)
        elif self.algorithm == "pbkdf2_sha512":
            found = _PBKDF2.fullmatch(stored)
        else:
            return bcrypt_cost(stored) < self.cost
        return found is None or int(found[1]) < self.cost


def verify(password: bytes, stored: str) -> bool:
    """Whether `stored` is the hash of `password`; a hash of a kind we do not know is nobody's."""
    if found := _SCRYPT.fullmatch(stored):
        ln, r, p = (int(number) for number in found.groups()[:3])
        if 128 * r * (1 << ln) > MOST_MEMORY or not (r and p and ln):
            return False
        salt, wanted = _octets(found[4]), _octets(found[5])
        return bool(wanted) and hmac.compare_digest(_scrypt(password, salt, ln, r, p, len(wanted)), wanted)
    if found := _PBKDF2.fullmatch(stored):
        salt, wanted = _octets(found[2].replace(".", "+")), _octets(found[3].replace(".", "+"))
        made = hashlib.pbkdf2_hmac("sha512", password, salt, max(int(found[1]), 1))
        return hmac.compare_digest(made, wanted)
    return bcrypt_verify(password, stored)


def bcrypt_hash(password: bytes, cost: int, salt: bytes, *, blank: bool = False, condense: bool = False) -> str:
    """The hash of a password under 16 random bytes; `blank` makes one that no password has."""
    salt64 = base64.b64encode(salt).rstrip(b"=").translate(_ALPHABET).decode()
    if blank:
        return f"$2b${cost:02}${salt64}{'.' * 31}"
    if len(password) <= 72 and b"\0" not in password and not condense:
        return bcrypt.hashpw(password, f"$2b${cost:02}${salt64}".encode()).decode()
    digest = bcrypt.hashpw(_condense(password, salt64), f"$2b${cost:02}${salt64}".encode()).decode()[-31:]
    return f"$bcrypt-sha256$v=2,t=2b,r={cost}${salt64}${digest}"


def bcrypt_verify(password: bytes, stored: str) -> bool:
    if found := _CONDENSED.fullmatch(stored):
        cost, salt64, digest = found.groups()
        return bcrypt.checkpw(_condense(password, salt64), f"$2b${int(cost):02}${salt64}{digest}".encode())
    if found := _CONDENSED_1.fullmatch(stored):
        cost, salt64, digest = found.groups()
        condensed = base64.b64encode(hashlib.sha256(password).digest())
        return bcrypt.checkpw(condensed, f"$2b${int(cost):02}${salt64}{digest}".encode())
    if not stored.startswith("$2"):
        return False
    # Somebody who offers 73 bytes does not mean the first 72 of them; the work is the same all the same.
    fits = len(password) <= 72 and b"\0" not in password
    return bcrypt.checkpw(password if fits else b"", stored.encode()) and fits


def bcrypt_cost(stored: str) -> int:
    if found := _CONDENSED.fullmatch(stored) or _CONDENSED_1.fullmatch(stored):
        return int(found[1])
    return int(stored[4:6]) if stored.startswith("$2") and stored[4:6].isdecimal() else 0


def _scrypt_hash(password: bytes, ln: int, salt: bytes) -> str:
    digest = _scrypt(password, salt, ln, SCRYPT_R, SCRYPT_P, SCRYPT_OCTETS)
    return f"$scrypt$ln={ln},r={SCRYPT_R},p={SCRYPT_P}${_unpadded(salt)}${_unpadded(digest)}"


def _scrypt(password: bytes, salt: bytes, ln: int, r: int, p: int, octets: int) -> bytes:
    return hashlib.scrypt(password, salt=salt, n=1 << ln, r=r, p=p, maxmem=2 * MOST_MEMORY, dklen=octets)


def _pbkdf2_hash(password: bytes, rounds: int, salt: bytes) -> str:
    digest = hashlib.pbkdf2_hmac("sha512", password, salt, rounds)
    return f"$pbkdf2-sha512${rounds}${_unpadded(salt).replace('+', '.')}${_unpadded(digest).replace('+', '.')}"


def _condense(password: bytes, salt64: str) -> bytes:
    return base64.b64encode(hmac.digest(salt64.encode(), password, "sha256"))


def _unpadded(octets: bytes) -> str:
    return base64.b64encode(octets).decode().rstrip("=")


def _octets(text: str) -> bytes:
    """Base64 without its padding; nothing for what is none."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return b""
