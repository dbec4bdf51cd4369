"""Bodies of forms, however they are cut."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.object_store.wire.forms import Parts


async def cut(body, sizes):
    at = 0
    for size in sizes:
        if body[at : at + size]:
            yield body[at : at + size]
        at += size
    if body[at:]:
        yield body[at:]


async def read(body, sizes=(), *, skip=()):
    found = []
    async for part in Parts(cut(body, sizes), "b"):
        data = b"" if part.name in skip else b"".join([chunk async for chunk in part.body])
        found.append((part.name, part.filename, data))
    return found


def written(parts):
    heads = (f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="{name}.x"\r\n\r\n'.encode() + data + b"\r\n"
             for name, data in parts)
    return b"".join(heads) + b"--b--\r\n"


DATA = st.lists(st.sampled_from([b"x", b"\r", b"\n", b"\r\n", b"--b", b"\r\n--", b"-"]), max_size=8).map(b"".join)


@settings(max_examples=150, deadline=None)
@given(st.lists(DATA, max_size=4), st.lists(st.integers(1, 9), max_size=60))
def test_parts_are_the_same_however_they_come(datas, sizes):
    parts = [(f"p{n}", data) for n, data in enumerate(datas) if b"\r\n--b" not in b"\r\n" + data]
    found = asyncio.run(read(written(parts), sizes)) if parts else []
    assert found == [(name, f"{name}.x", data) for name, data in parts]


async def test_a_part_that_is_not_read_is_skipped():
    assert await read(written([("a", b"x" * 100), ("b", b"y")]), skip=("a",)) == [("a", "a.x", b""), ("b", "b.x", b"y")]


@pytest.mark.parametrize("body", [b"", b"no form", b"--b", b"--b\r\n", b"--b\r\nA: b", b"--b\r\nA: b\r\n\r\nx", b"--bad\r\n",
                                  b"--b\r\n" + b"A: " + b"b" * 20_000 + b"\r\n\r\n\r\n--b--"])
async def test_what_is_no_form_or_only_a_piece_is_an_error(body):
    with pytest.raises(ValueError):
        await read(body)
