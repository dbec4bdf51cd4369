"""The code of a policy: segments to pieces of fragments and back. The library is loaded when a policy needs it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from pileus.object_store.model.policy import ErasureCoding


class Unreadable(Exception):
    """Too few sound pieces are left."""


class Codec:
    """Raises ValueError when the library is not there, or does not know the code."""

    def __init__(self, erasure: ErasureCoding):
        self.erasure = erasure
        try:
            from pyeclib.ec_iface import ECDriver, ECDriverError  # type: ignore[import-untyped]
        except ImportError:
            raise ValueError("erasure coding needs pyeclib: pip install 'pileus[erasure-coding]'") from None
        self.problems: type[Exception] = ECDriverError
        try:
            # Each piece carries a checksum, so that a damaged one is told from a good one before it spoils all of the segment.
            self.driver: Any = ECDriver(k=erasure.data, m=erasure.parity, ec_type=erasure.type, chksum_type="inline_crc32")
        except ECDriverError as problem:
            raise ValueError(f"erasure coding {erasure.type} {erasure.data}+{erasure.parity}: {problem}") from None

    def encode(self, segment: bytes) -> list[bytes]:
        """The pieces, by index."""
        return self.driver.encode(segment)

    def sound(self, piece: bytes, index: int) -> bool:
        """Whether it is a piece of this index and as it was written."""
        try:
            about = self.driver.get_metadata(piece, 1)
        except self.problems:
            return False
        return about["index"] == index and not about["chksum_mismatch"]

    def decode(self, pieces: Mapping[int, bytes]) -> bytes:
        """The segment. Raises Unreadable."""
        try:
            return self.driver.decode(list(pieces.values()))
        except self.problems as problem:
            raise Unreadable(str(problem)) from None

    def reconstruct(self, pieces: Mapping[int, bytes], index: int) -> bytes:
        """The piece of another index. Raises Unreadable."""
        try:
            return self.driver.reconstruct(list(pieces.values()), [index])[0]
        except self.problems as problem:
            raise Unreadable(str(problem)) from None

    def sizes(self, length: int, segment: int) -> tuple[int, int]:
        """Bytes of every piece of an object of this length, and of those of its last segment."""
        if not length:
            return 0, 0
        last = self._piece(length - (segments(length, segment) - 1) * segment)
        return (self._piece(segment) if length > segment else last), last

    def _piece(self, length: int) -> int:
        return self.driver.get_segment_info(length, length)["fragment_size"]

    def archive(self, length: int, segment: int) -> int:
        """Bytes of a fragment of an object of this length."""
        whole, last = self.sizes(length, segment)
        return max(0, segments(length, segment) - 1) * whole + last


def segments(length: int, segment: int) -> int:
    return -(-length // segment)


async def cut(body: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    """A body in segments of one size; only the last may be shorter."""
    parts: list[bytes] = []
    held = 0
    async for chunk in body:
        parts.append(chunk)
        held += len(chunk)
        while held >= size:
            joined = b"".join(parts)
            yield joined[:size]
            parts, held = [joined[size:]], held - size
    if held:
        yield b"".join(parts)
