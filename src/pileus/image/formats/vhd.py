"""Microsoft's older format, known to QEMU as vpc: fixed (bytes and a footer) and dynamic. One with a parent is refused."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.image.formats.parsing import SECTOR, Damaged, End, Verdict, Want, field, fields

COOKIE = b"conectix"
_FIXED, _DYNAMIC, _DIFFERENCING = 2, 3, 4
_ANY_GEOMETRY = 65535 * 16 * 255                   # the largest: the disk may be larger than it says


def parse():
    head = yield Want(0, SECTOR)
    if head[:8] != COOKIE:
        tail, total = yield End(SECTOR)
        return _fixed(tail, total) if tail[:8] == COOKIE else None
    kind, at = field(head, ">I", 60), field(head, ">Q", 16)
    if kind == _DIFFERENCING:
        return Verdict(_size(head), ("it has a parent",))
    if kind != _DYNAMIC:
        raise Damaged(f"disk type {kind} is not possible here")
    if at < SECTOR:
        raise Damaged("its second header is inside the first")
    dynamic = yield Want(at, 1024)
    entries, block = _table(dynamic)
    problems = []
    if entries * block < _size(head):
        problems.append("its table does not fit its virtual size")
    if any(dynamic[40:56]) or field(dynamic, ">I", 64 + 512) or any(field(dynamic, ">I", 576 + 24 * at) for at in range(8)):
        problems.append("it names a parent")
    tail, _ = yield End(SECTOR)
    if tail[:8] == COOKIE and (field(tail, ">I", 60) != _DYNAMIC or _size(tail) != _size(head)):
        problems.append("its footer differs from its header")
    return Verdict(_size(head), tuple(problems))


def _fixed(footer: bytes, total: int) -> Verdict:
    kind = field(footer, ">I", 60)
    if kind != _FIXED:
        return Verdict(_size(footer), (f"disk type {kind} needs a header at the beginning",))
    return Verdict(_size(footer), () if field(footer, ">Q", 48) <= total - SECTOR else ("it is shorter than it says",))


def _table(dynamic: bytes) -> tuple[int, int]:
    if dynamic[:8] != b"cxsparse" or len(dynamic) < 1024:
        raise Damaged("its second header is missing")
    entries, block = fields(dynamic, ">II", 28)
    if block < SECTOR or block & (block - 1):
        raise Damaged(f"a block of {block} bytes is not possible")
    return entries, block


def _size(footer: bytes) -> int:
    """The larger of the two sizes a footer gives, because tools differ in which they believe."""
    cylinders, heads, sectors = fields(footer, ">HBB", 56)
    geometry = cylinders * heads * sectors
    return max(field(footer, ">Q", 48), 0 if geometry >= _ANY_GEOMETRY else geometry * SECTOR)
