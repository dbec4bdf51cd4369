"""QEMU's own formats: qcow2 (versions 2 and 3), and its predecessors qcow and QED, which are refused.

A backing file or an external data file makes QEMU open another file of the host (OSSA-2015-014, OSSA-2024-001).
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator

from pileus.image.formats.parsing import MOST, Damaged, End, Verdict, Want, field, fields

MAGIC = b"QFI\xfb"
_DIRTY, _CORRUPT, _DATA_FILE, _COMPRESSION, _EXTENDED_L2 = (1 << bit for bit in range(5))
_EXTENSION_END, _EXTENSION_DATA_FILE = 0, 0x44415441
_MOST_EXTENSIONS = 64
_MOST_L1_BYTES, _MOST_REFCOUNT_BYTES, _MOST_SNAPSHOTS = 32 << 20, 8 << 20, 65536     # QEMU's own limits
_LARGEST = 1 << 60


def parse():
    data = yield Want(0, 112)
    if data[:4] != MAGIC or field(data, ">I", 4) == 1:
        return None
    version, backing_offset, backing_size, cluster_bits, size, crypt, l1_size, l1_offset, refcount_offset, refcount_clusters, \
        snapshots, _ = fields(data, ">IQIIQIIQQIIQ", 4)
    if version not in (2, 3):
        raise Damaged(f"version {version} of qcow2 is not known")
    if not 9 <= cluster_bits <= 21:
        raise Damaged(f"a cluster of 2^{cluster_bits} bytes is not possible")
    incompatible, header_length = (0, 72) if version == 2 else (field(data, ">Q", 72), field(data, ">I", 100))
    cluster = 1 << cluster_bits
    if not 72 <= header_length <= cluster or header_length % 8:
        raise Damaged(f"a header of {header_length} bytes is not possible")
    problems = list(_feature_problems(incompatible))
    if backing_offset or backing_size:
        problems.append("it has a backing file")
    if crypt > 2:
        problems.append(f"encryption method {crypt} is not known")
    entry_bytes = 16 if incompatible & _EXTENDED_L2 else 8
    if size > _LARGEST or l1_size * 8 > _MOST_L1_BYTES or l1_size < -(-size // (cluster * (cluster // entry_bytes))):
        problems.append("its L1 table does not fit its virtual size")
    if l1_offset % cluster or refcount_offset % cluster or refcount_clusters * cluster > _MOST_REFCOUNT_BYTES:
        problems.append("its tables are not where they can be")
    if snapshots > _MOST_SNAPSHOTS:
        problems.append("it has too many snapshots")
    problems += _extension_problems((yield Want(0, min(cluster, MOST))), header_length, backing_offset or cluster)
    _, total = yield End(0)
    if max(l1_offset + 8 * l1_size, refcount_offset) > total:
        problems.append("its tables are beyond its end")
    return Verdict(size, tuple(problems), encrypted=crypt != 0)


def parse_qcow():
    data = yield Want(0, 48)
    if data[:4] != MAGIC or field(data, ">I", 4) != 1:
        return None
    return Verdict(field(data, ">Q", 24), ("version 1 of qcow is not supported",))


def parse_qed():
    data = yield Want(0, 64)
    if data[:4] != b"QED\0":
        return None
    return Verdict(field(data, "<Q", 48), ("QED is not supported",))


def _feature_problems(incompatible: int) -> Iterator[str]:
    if incompatible & _DATA_FILE:
        yield "it has an external data file"
    if incompatible & _CORRUPT:
        yield "it is marked as corrupt"
    if incompatible & ~(_DIRTY | _CORRUPT | _DATA_FILE | _COMPRESSION | _EXTENDED_L2):
        yield "it needs features that are not known"


def _extension_problems(data: bytes, at: int, last: int) -> list[str]:
    """Walk the header extensions. They end with an end mark, at the name of the backing file, or with the first cluster."""
    problems: list[str] = []
    end = min(len(data), last)
    for _ in range(_MOST_EXTENSIONS):
        if at + 8 > end:
            # A cluster may be larger than what was read of it, and more extensions may follow there.
            return [*problems, "it has too many header extensions"] if end == MOST < last else problems
        kind, length = fields(data, ">II", at)
        if kind == _EXTENSION_END:
            return problems
        if length > end - at - 8:
            return [*problems, "a header extension is too long"]
        if kind == _EXTENSION_DATA_FILE:
            problems.append("it names an external data file")
        at += 8 + (length + 7) // 8 * 8
    return [*problems, "it has too many header extensions"]
