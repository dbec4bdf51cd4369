"""Passwords: hashed with bcrypt away from the event loop, and verified logins remembered.

bcrypt looks at 72 bytes and stops at a zero byte; what is longer, or holds one, is first condensed (Keystone's and passlib's
`bcrypt-sha256`, version 2), so nothing of a password is ever ignored. Hashes of a Keystone database are understood.

A verified login is remembered as an HMAC, under a secret of this process, of the stored hash and the password: it says
nothing to a reader of memory dumps, and a changed password, by whichever process, never meets it again.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import base64
import hmac
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import bcrypt

from pileus.core.errors import Invalid
from pileus.core.ids import Ids
from pileus.identity.config import IdentityConfig
from pileus.identity.errors import HashingBusy

T = TypeVar("T")
_CONDENSED = re.compile(r"\$bcrypt-sha256\$v=2,t=2b,r=(\d+)\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})")
_STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BCRYPT = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_ALPHABET = bytes.maketrans(_STANDARD, _BCRYPT)
#: For passwords that a machine made of 128 bits or more: nobody guesses those, however cheap a guess is.
CHEAP = 4


class Passwords:
    def __init__(self, config: IdentityConfig, ids: Ids):
        self.cost, self.longest = config.bcrypt_cost, config.password_max_length
        self.ids = ids
        self.pool = ThreadPoolExecutor(config.hash_threads, "bcrypt") if config.hash_threads else None
        self.waiting, self.most_waiting = 0, config.hash_queue
        self.secret = ids.secret()
        self.verified: dict[bytes, None] = {}
        self.remember = config.password_cache
        # Nobody's: to do the same work for a user who does not exist.
        self.nobodys = bcrypt_hash(b"", self.cost, ids.secret(16), blank=True)

    def check(self, password: str) -> None:
        """Raise Invalid for a password that cannot be taken."""
        if not password:
            raise Invalid("Password cannot be empty.")
        if len(password.encode("utf-8", "surrogatepass")) > self.longest:
            raise Invalid(f"Password length must not exceed {self.longest} bytes.")

    async def hash(self, password: str, *, cheap: bool = False) -> str:
        """`cheap` only for passwords made by a machine."""
        self.check(password)
        data, salt = password.encode("utf-8", "surrogatepass"), self.ids.secret(16)
        return await self._work(lambda: bcrypt_hash(data, CHEAP if cheap else self.cost, salt))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether this is the password. `stored` None, for nobody's, takes as long as a wrong one."""
        data = password.encode("utf-8", "surrogatepass")
        known = None
        if stored is not None and self.remember and len(data) <= self.longest:
            known = hmac.digest(self.secret, stored.encode() + b"\0" + data, "sha256")
            if known in self.verified:
                return True
        if len(data) > self.longest:
            data, stored = b"", None
        if not await self._work(lambda: self._verify(data, stored)):
            return False
        if known is not None:
            if len(self.verified) >= self.remember:
                self.verified.pop(next(iter(self.verified)))
            self.verified[known] = None
        return True

    def close(self) -> None:
        if self.pool is not None:
            self.pool.shutdown(wait=False, cancel_futures=True)

    def _verify(self, data: bytes, stored: str | None) -> bool:
        if stored is not None and bcrypt_verify(data, stored):
            return True
        if stored is None or bcrypt_cost(stored) < self.cost:  # how long a refusal takes does not tell who exists
            bcrypt_verify(data, self.nobodys)
        return False

    async def _work(self, job: Callable[[], T]) -> T:
        if self.pool is None:
            return job()
        if self.waiting >= self.most_waiting:
            raise HashingBusy(headers={"retry-after": "5"})
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self.pool, job)
        finally:
            self.waiting -= 1


def bcrypt_hash(password: bytes, cost: int, salt: bytes, *, blank: bool = False) -> str:
    """The hash of a password under 16 random bytes; `blank` makes one that no password has."""
    salt64 = base64.b64encode(salt).rstrip(b"=").translate(_ALPHABET).decode()
    if blank:
        return f"$2b${cost:02}${salt64}{'.' * 31}"
    if len(password) <= 72 and b"\0" not in password:
        return bcrypt.hashpw(password, f"$2b${cost:02}${salt64}".encode()).decode()
    digest = bcrypt.hashpw(_condense(password, salt64), f"$2b${cost:02}${salt64}".encode()).decode()[-31:]
    return f"$bcrypt-sha256$v=2,t=2b,r={cost}${salt64}${digest}"


def bcrypt_verify(password: bytes, stored: str) -> bool:
    """Whether `stored` is the hash of `password`; a hash of a kind we do not know is nobody's."""
    if found := _CONDENSED.fullmatch(stored):
        cost, salt64, digest = found.groups()
        return bcrypt.checkpw(_condense(password, salt64), f"$2b${int(cost):02}${salt64}{digest}".encode())
    if not stored.startswith("$2"):
        return False
    # Somebody who offers 73 bytes does not mean the first 72 of them; the work is the same all the same.
    fits = len(password) <= 72 and b"\0" not in password
    return bcrypt.checkpw(password if fits else b"", stored.encode()) and fits


def bcrypt_cost(stored: str) -> int:
    if found := _CONDENSED.fullmatch(stored):
        return int(found[1])
    return int(stored[4:6]) if stored.startswith("$2") and stored[4:6].isdecimal() else 0


def _condense(password: bytes, salt64: str) -> bytes:
    return base64.b64encode(hmac.digest(salt64.encode(), password, "sha256"))
