"""Passwords: hashed away from the event loop, and verified logins remembered.

A verified login is remembered as an HMAC, under a secret of this process, of the stored hash and the password: it says
nothing to a reader of memory dumps, and a changed password, by whichever process, never meets it again.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import hmac
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pileus.core.errors import Invalid
from pileus.core.ids import Ids
from pileus.identity.config import IdentityConfig
from pileus.identity.errors import HashingBusy
from pileus.identity.hashes import Recipe, bcrypt_hash, verify

T = TypeVar("T")
#: For passwords that a machine made of 128 bits or more: nobody guesses those, however cheap a guess is.
CHEAP = 4
HASHING_NICENESS = 10


class Passwords:
    def __init__(self, config: IdentityConfig, ids: Ids):
        self.recipe, self.longest = recipe(config), config.password_max_length
        self.ids = ids
        self.pool = ThreadPoolExecutor(threads(config), "hashing", _yield_to_others) if config.hash_threads else None
        self.waiting, self.most_waiting = 0, config.hash_queue
        self.secret = ids.secret()
        self.verified: dict[bytes, None] = {}
        self.remember = config.password_cache
        # Nobody's: to do the same work for a user who does not exist.
        self.nobodys = self.recipe.nobodys(ids.secret(16))

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
        return await self._work(lambda: bcrypt_hash(data, CHEAP, salt) if cheap else self.recipe.hash(data, salt))

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
        if stored is not None and verify(data, stored):
            return True
        if stored is None or self.recipe.cheaper(stored):  # how long a refusal takes does not tell who exists
            verify(data, self.nobodys)
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


def threads(config: IdentityConfig) -> int:
    """As many as are wanted, but the event loop keeps a processor: a thread that hashes gives one back late, even a polite one."""
    return min(config.hash_threads, max(1, (os.cpu_count() or 1) - 1))


def recipe(config: IdentityConfig) -> Recipe:
    """How the configuration wants new passwords to be hashed."""
    costs = {"scrypt": config.scrypt_cost, "pbkdf2_sha512": config.pbkdf2_rounds}
    return Recipe(config.password_hash_algorithm, costs.get(config.password_hash_algorithm, config.bcrypt_cost))


def _yield_to_others() -> None:
    """A hashing thread takes what processor time the event loop leaves: a flood of logins must not slow everybody else."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), HASHING_NICENESS)
    except OSError:
        pass  # a system that does not let us is only less polite
