"""Small images of each format, made by hand, so that each field can be made wrong."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import struct
import uuid

MIB = 1 << 20
VIRTUAL = 64 * MIB


def at(data: bytes, offset: int, piece: bytes) -> bytes:
    """`data` with `piece` written at `offset`, longer when needed."""
    data = data.ljust(offset + len(piece), b"\0")
    return data[:offset] + piece + data[offset + len(piece):]


def put(data: bytes, offset: int, layout: str, *values) -> bytes:
    return at(data, offset, struct.pack(layout, *values))


def qcow2(*, version=3, size=VIRTUAL, cluster_bits=16, l1_size=1, backing=b"", incompatible=0, extensions=b"", crypt=0,
          total=4 << 16) -> bytes:
    backing_at = 1000 if backing else 0
    data = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", version, backing_at, len(backing), cluster_bits, size, crypt, l1_size,
                       3 << 16, 1 << 16, 1, 0, 0)
    if version == 3:
        data += struct.pack(">QQQII", incompatible, 0, 0, 4, 104)
    data += extensions or bytes(8)
    return at(data.ljust(total, b"\0"), 1000, backing)


def extension(kind: int, data: bytes) -> bytes:
    return struct.pack(">II", kind, len(data)) + data.ljust((len(data) + 7) // 8 * 8, b"\0")


DESCRIPTOR = """# Disk DescriptorFile
version=1
CID=7d1ac7d8
parentCID=ffffffff
createType="monolithicSparse"

# Extent description
RW 131072 SPARSE "disk.vmdk"

ddb.adapterType = "ide"
"""


def vmdk(descriptor=DESCRIPTOR, *, capacity=VIRTUAL // 512, at_end=False, footer_capacity=None, descriptor_at=1) -> bytes:
    def header(capacity, table_at):
        return struct.pack("<4sIIQQQQIQQQ", b"KDMV", 1, 3, capacity, 128, descriptor_at, 20, 512, 21, table_at, 128).ljust(512, b"\0")
    data = header(capacity, (1 << 64) - 1 if at_end else 26)
    data = at(data, 512, descriptor.encode().ljust(20 * 512, b"\0")).ljust(128 * 512, b"\0")
    if at_end:
        data += bytes(512) + header(capacity if footer_capacity is None else footer_capacity, 26) + bytes(512)
    return data


def vhd_footer(kind=3, size=VIRTUAL, data_at=512) -> bytes:
    return summed(struct.pack(">8sIIQI4sI4sQQHBBI", b"conectix", 2, 0x10000, data_at, 0, b"qem2", 0, b"Wi2k", size, size, 1, 1, 1,
                              kind).ljust(512, b"\0"), 64)


def summed(header: bytes, place: int) -> bytes:
    return put(header, place, ">I", ~sum(header) & 0xFFFFFFFF)


def vhd(*, kind=3, size=VIRTUAL, entries=32, parent=b"", locator=0) -> bytes:
    dynamic = struct.pack(">8sQQIII", b"cxsparse", (1 << 64) - 1, 1536, 0x10000, entries, 2 * MIB).ljust(1024, b"\0")
    dynamic = summed(put(at(dynamic, 40, parent), 576, ">I", locator), 36)
    return vhd_footer(kind, size) + dynamic + b"\xff" * 512 + vhd_footer(kind, size)


def fixed_vhd(payload: bytes) -> bytes:
    return payload + vhd_footer(2, len(payload), (1 << 64) - 1)


def crc32c(data: bytes) -> int:
    """Bit by bit, unlike the table that is being tested."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def guid(text: str) -> bytes:
    return uuid.UUID(text).bytes_le


def vhdx(*, size=VIRTUAL, flags=0, log=bytes(16), metadata_at=2 * MIB, items=None, regions=1) -> bytes:
    data = b"vhdxfile"
    for place, sequence, log_id in ((64 << 10, 1, bytes(16)), (128 << 10, 2, log)):
        header = (struct.pack("<4sIQ", b"head", 0, sequence) + bytes(32) + log_id + struct.pack("<HH", 0, 1)).ljust(4096, b"\0")
        data = at(data, place, put(header, 4, "<I", crc32c(header)))
    entry = struct.pack("<16sQII", guid("8b7ca206-4790-4b9a-b8fe-575f050f886e"), metadata_at, MIB, 1)
    data = at(data, 192 << 10, struct.pack("<4sIII", b"regi", 0, regions, 0) + entry * regions)
    if items is None:
        items = [("caa16737-fa36-4d43-b3b6-33f0aa44e76b", struct.pack("<II", MIB, flags)),
                 ("2fa54224-cd1b-4876-b211-5dbed83bf4b8", struct.pack("<Q", size))]
    table = struct.pack("<8sHH", b"metadata", 0, len(items)).ljust(32, b"\0")
    for number, (kind, _) in enumerate(items):
        table += struct.pack("<16sIIII", guid(kind), (64 << 10) + 8 * number, 8, 0, 0)
    metadata = at(table, 64 << 10, b"".join(value for _, value in items))
    return at(data, metadata_at, metadata) if metadata_at <= 4 * MIB else data


def vdi(*, kind=1, size=VIRTUAL, blocks=64, parent=bytes(16)) -> bytes:
    data = put(b"<<< disk image >>>\n", 64, "<II", 0xBEDA107F, 0x10001)
    data = put(data, 0x4C, "<I", kind)
    data = put(put(data, 0x154, "<II", 512, 4096), 0x168, "<I", 512)
    data = put(data, 0x170, "<QIII", size, MIB, 0, blocks)
    return at(data, 0x1B8, parent).ljust(4096, b"\0")


def ploop(*, size=VIRTUAL, entries=64, extension_at=0, magic=b"WithouFreSpacExt") -> bytes:
    return (magic + struct.pack("<IIIIIQIIIQ", 2, 16, 100, 2048, entries, size // 512, 0, 8, 0, extension_at)).ljust(4096, b"\0")


def iso(blocks=400) -> bytes:
    return put(b"", 0x8000, "<B5sB", 1, b"CD001", 1).ljust(2048 * blocks, b"\0")


def mbr(kind=0x83) -> bytes:
    return put(put(b"", 446, "<B3sB", 0x80, b"", kind), 510, "<H", 0xAA55).ljust(MIB, b"\0")


def gpt(sector=512) -> bytes:
    return at(mbr(0xEE), sector, b"EFI PART")


def luks(version=1) -> bytes:
    return struct.pack(">6sH", b"LUKS\xba\xbe", version).ljust(MIB, b"\0")


def raw() -> bytes:
    return bytes(range(256)) * 4096


GOOD = {
    "qcow2": qcow2(), "vmdk": vmdk(), "vhd": vhd(), "vhdx": vhdx(), "vdi": vdi(), "ploop": ploop(), "iso": iso(), "luks": luks(),
    "gpt": gpt(), "mbr": mbr(), "raw": raw(),
}
