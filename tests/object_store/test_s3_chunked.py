"""Bodies in chunks, however they are cut on their way."""

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.object_store.s3.chunked import Chunks
from pileus.object_store.s3.errors import S3Error
from tests.wire import pieces


def read(body: bytes, cuts: list[int], length: int, *, trailers: bool = False) -> tuple[bytes, dict[str, str]]:
    ends = sorted({min(cut, len(body)) for cut in cuts} | {0, len(body)})
    chunks = Chunks(pieces(*(body[a:b] for a, b in itertools.pairwise(ends))), length, trailers=trailers)

    async def main() -> bytes:
        return b"".join([piece async for piece in chunks])

    return asyncio.run(main()), chunks.trailers


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.lists(st.integers(0, 400), max_size=12), st.booleans())
def test_chunks_are_read_whatever_pieces_they_come_in(data, cuts, trailers):
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in data) + b"0\r\n"
    body += b"x-amz-checksum-crc32: AAAAAA==\r\n\r\n" if trailers else b"\r\n"
    whole, found = read(body, cuts, len(b"".join(data)), trailers=trailers)
    assert whole == b"".join(data)
    assert found == ({"x-amz-checksum-crc32": "AAAAAA=="} if trailers else {})


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_what_is_no_body_in_chunks_is_an_error_and_nothing_else(body, cuts):
    try:
        read(body, cuts, 5, trailers=True)
    except S3Error as error:
        assert error.response.status in (400, 403)


@given(st.integers(0, 28))
def test_a_body_that_ends_too_soon_is_incomplete(end):
    body = b"8\r\nabcdefgh\r\n8\r\nabcdefgh\r\n0\r\n\r\n"
    with pytest.raises(S3Error) as refused:
        read(body[:end], [], 16, trailers=True)
    assert refused.value.code == "IncompleteBody"
