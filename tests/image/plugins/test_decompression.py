"""What is packed comes out as it went in, whatever the pieces; what is wrong is refused; a bomb takes no memory."""

import gzip
import io
import random
import tracemalloc
import zipfile
import zlib

import pytest

from pileus.image.backends.work import Workers
from pileus.image.plugins.decompression import PIECE, PackedWrongly, packed, unpacked

DATA = random.Random(1).randbytes(300_000) + bytes(3 << 20) + b"end"


def zipped(*files, how=zipfile.ZIP_DEFLATED, streamed=False):
    class NoSeek(io.BytesIO):
        def seekable(self):
            return not streamed

        def tell(self):
            if streamed:
                raise OSError
            return super().tell()

    out = NoSeek()
    with zipfile.ZipFile(out, "w", how) as archive:
        for number, data in enumerate(files):
            archive.writestr(f"disk{number}", data)
    return out.getvalue()


async def blocks(data, size):
    for at in range(0, len(data), size):
        yield data[at:at + size]


async def unpack(data, size=1 << 20):
    found = []
    async for piece in unpacked(blocks(data, size), Workers(0)):
        assert 0 < len(piece) <= PIECE
        found.append(piece)
    return b"".join(found)


GOOD = {
    "gzip": gzip.compress(DATA), "members": gzip.compress(DATA[:1000]) + gzip.compress(DATA[1000:]),
    "padded": gzip.compress(DATA) + bytes(600),
    "zip": zipped(DATA), "stored": zipped(DATA, how=zipfile.ZIP_STORED), "streamed": zipped(DATA, streamed=True),
}


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("size", [700, 1 << 16, 1 << 24])
async def test_what_was_packed_comes_out(name, size):
    assert packed(GOOD[name][:4])
    assert await unpack(GOOD[name], size) == DATA


async def test_an_empty_file_is_one_too():
    assert await unpack(gzip.compress(b"")) == await unpack(zipped(b"")) == b""


@pytest.mark.parametrize("head", [b"", b"PK", b"QFI\xfb", b"\x1f\x8b\x00\x00", b"BZh9", b"-lh5"])
def test_everything_else_is_not_packed(head):
    assert not packed(head)


def changed(data, at, piece):
    return data[:at] + piece + data[at + len(piece):]


@pytest.mark.parametrize(("data", "why"), [
    (GOOD["gzip"][:-9], "cut off"), (GOOD["gzip"][:12], "cut off"), (GOOD["zip"][:5000], "cut off"), (GOOD["zip"][:20], "cut off"),
    (GOOD["gzip"] + b"garbage", "damaged"), (changed(GOOD["gzip"], 5000, b"\xff" * 50), "damaged"),
    (changed(GOOD["stored"], 5000, b"\xff" * 50), "checksum"), (changed(GOOD["zip"], 14, b"1234"), "checksum"),
    (zipped(DATA, b"another"), "more than one"), (zipped(b"", DATA), "more than one"),
    (zipped(DATA, how=zipfile.ZIP_BZIP2), "not supported"), (changed(GOOD["zip"], 6, b"\x01"), "encrypted"),
], ids=lambda value: value if isinstance(value, str) else "bytes")         # which have the time in them
async def test_what_is_packed_wrongly_is_refused(data, why):
    with pytest.raises(PackedWrongly, match=why):
        await unpack(data)


@pytest.mark.parametrize("kind", ["gzip", "zip"])
async def test_ossa_2013_012_a_bomb_takes_no_memory(kind):
    """Row 41: half a gigabyte of zeros in half a megabyte."""
    packer = zlib.compressobj(9, wbits=31 if kind == "gzip" else -15)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(512)) + packer.flush()
    if kind == "zip":
        bomb = zipped(b"")[:14] + bytes(12) + b"\x05\0\0\0disk0" + bomb
        bomb = changed(bomb, 8, b"\x08\0")
    came, pieces = 0, unpacked(blocks(bomb, 1 << 20), Workers(0))
    tracemalloc.start()
    try:
        async for piece in pieces:
            came += len(piece)
            if came >= 256 << 20:
                break
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
        await pieces.aclose()
    assert came >= 256 << 20


async def test_a_long_archive_behind_its_first_file_is_not_kept():
    many = zipped(b"first", bytes(32 << 20), how=zipfile.ZIP_STORED)
    tracemalloc.start()
    with pytest.raises(PackedWrongly):
        await unpack(many)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20
