"""Every random choice of the control plane: ids, secrets, ties. One seed makes a whole cloud repeatable.

Secrets come from the operating system unless a seed is given, which only tests and simulations do.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import random
import secrets

#: The bits of a UUID that are random, and those that say so.
_RANDOM, _VERSION_4 = ~(0xF << 76 | 0b11 << 62), 0x4 << 76 | 0b10 << 62


class Ids:
    def __init__(self, seed: int | None = None):
        self.random = random.Random(seed) if seed is not None else random.SystemRandom()
        self._seeded = seed is not None
        # Ids need to be unique, not secret: a generator seeded once is a tenth of the cost of asking the kernel.
        self._fast = random.Random(seed if seed is not None else secrets.randbits(256))

    def uuid(self) -> str:
        """A random UUID (RFC 9562, version 4) with hyphens: 550e8400-e29b-41d4-a716-446655440000."""
        h = self.hex()
        return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"

    def hex(self) -> str:
        """A random UUID without hyphens, as Keystone writes ids."""
        return f"{self._fast.getrandbits(128) & _RANDOM | _VERSION_4:032x}"

    def request(self) -> str:
        return "req-" + self.uuid()

    def secret(self, octets: int = 32) -> bytes:
        """Bytes nobody can guess (unless a seed was given)."""
        return self.random.randbytes(octets) if self._seeded else secrets.token_bytes(octets)

    def mac(self, prefix: str = "fa:16:3e") -> str:
        """A MAC address below the given three octets, as Neutron makes them."""
        tail = self._fast.getrandbits(24)
        return f"{prefix}:{tail >> 16:02x}:{tail >> 8 & 255:02x}:{tail & 255:02x}"
