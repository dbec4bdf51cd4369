"""CRC32C and CRC64NVME, which the standard library has not: a block is cut into lanes that NumPy works through side by side.

A CRC is linear: that of a whole is that of its first half, moved on over the length of the second, XOR that of the second.
What "moved on over so many bytes" does is a matrix over bits, kept as tables by byte, and squared for each doubling.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

#: Bytes of one lane; powers of two of them are worked through at once, at most this many.
LANE, MOST_LANES = 64, 4096


class Crc:
    """A reflected CRC whose first value and last XOR are all ones."""

    def __init__(self, bits: int, polynomial: int):
        self.bits, self.all_ones = bits, (1 << bits) - 1
        self.tables = _tables(bits, polynomial)
        self.value = self.all_ones

    def update(self, data: bytes) -> None:
        view = memoryview(data)
        while len(view) >= LANE:
            lanes = min(MOST_LANES, 1 << (len(view) // LANE).bit_length() - 1)
            self.value = self.tables.moved(self.value, lanes) ^ self.tables.block(view[: lanes * LANE], lanes)
            view = view[lanes * LANE :]
        self.value = self.tables.bytewise(self.value, view)

    def digest(self) -> bytes:
        return (self.value ^ self.all_ones).to_bytes(self.bits // 8, "big")


def crc32c() -> Crc:
    return Crc(32, 0x82F63B78)


def crc64nvme() -> Crc:
    return Crc(64, 0x9A6C9329AC4BC9B5)


class Tables:
    def __init__(self, bits: int, polynomial: int):
        self.kind: Any = np.uint32 if bits == 32 else np.uint64
        self.octets = bits // 8
        table: Any = np.arange(256, dtype=self.kind)
        for _ in range(8):
            table = np.where(table & self.kind(1), (table >> self.kind(1)) ^ self.kind(polynomial), table >> self.kind(1))
        self.table = table
        self.plain = [int(value) for value in table]
        self.steps = self._steps(bits)

    def _steps(self, bits: int) -> list[Any]:
        """For LANE bytes, and each doubling of them: the table that moves a CRC on over zeros."""
        basis = np.left_shift(self.kind(1), np.arange(bits, dtype=self.kind))
        image: Any = basis.copy()
        for _ in range(LANE):
            image = self.table[image & self.kind(0xFF)] ^ (image >> self.kind(8))
        steps = []
        for _ in range(MOST_LANES.bit_length()):
            by_byte = np.zeros((self.octets, 256), dtype=self.kind)
            for bit in range(bits):
                chosen = (np.arange(256) >> (bit % 8)) & 1 == 1
                by_byte[bit // 8][chosen] ^= image[bit]
            steps.append(by_byte)
            image = self._apply(by_byte, image)
        return steps

    def _apply(self, by_byte: Any, values: Any) -> Any:
        result = by_byte[0][values & self.kind(0xFF)]
        for octet in range(1, self.octets):
            result = result ^ by_byte[octet][(values >> self.kind(8 * octet)) & self.kind(0xFF)]
        return result

    def moved(self, value: int, lanes: int) -> int:
        """A CRC, moved on over so many lanes."""
        by_byte = self.steps[lanes.bit_length() - 1]
        return int(self._apply(by_byte, np.array([value], dtype=self.kind))[0])

    def block(self, data: memoryview, lanes: int) -> int:
        """The CRC of a block alone: nothing before it."""
        columns = np.frombuffer(data, dtype=np.uint8).reshape(lanes, LANE).T.astype(self.kind)
        values = np.zeros(lanes, dtype=self.kind)
        for column in columns:
            values = self.table[(values ^ column) & self.kind(0xFF)] ^ (values >> self.kind(8))
        for step in self.steps:
            if len(values) == 1:
                break
            values = self._apply(step, values[0::2]) ^ values[1::2]
        return int(values[0])

    def bytewise(self, value: int, data: memoryview) -> int:
        for octet in data:
            value = self.plain[(value ^ octet) & 0xFF] ^ (value >> 8)
        return value


@cache
def _tables(bits: int, polynomial: int) -> Tables:
    return Tables(bits, polynomial)
