"""Any bytes: no surprise, little time, little memory, and the same answer for a stream as for a file."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.image.formats.images import DESCRIPTOR, GOOD, MIB, at, qcow2, vmdk

from pileus.core.errors import Invalid
from pileus.image.formats import Found, Inspector, check, inspect
from pileus.image.formats.inspector import PARSERS

OFFSETS = st.one_of(st.integers(0, 600), st.sampled_from([1000, 1536, 4096, 32768, 65536, 131072, 196608, 2 * MIB, 2 * MIB + 32]),
                    st.integers(0, 2 * MIB + 70_000))
PIECES = st.one_of(st.binary(min_size=1, max_size=16), st.sampled_from([
    b"\xff" * 8, b"\x00" * 8, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x00\x00\x00\x01\x00", b"QFI\xfb", b"KDMV",
    b"conectix", b"CD001", b"EFI PART", b"vhdxfile", b"createType", b"RW 1 SPARSE \"", b"\n"]))
IMAGES = st.builds(
    lambda base, changes, cut: _mutated(base, changes)[:cut],
    st.sampled_from([*GOOD.values(), qcow2(version=2), vmdk(at_end=True), b""]),
    st.lists(st.tuples(OFFSETS, PIECES), max_size=5),
    st.one_of(st.none(), st.integers(0, 5000), st.integers(0, 3 * MIB)))


def _mutated(data, changes):
    for offset, piece in changes:
        data = at(data, offset, piece)
    return data


def stream(data, sizes):
    inspector, begin = Inspector(), 0
    for size in sizes:
        inspector.feed(data[begin:begin + size])
        begin += size
    inspector.feed(memoryview(data)[begin:])
    return inspector.finish()


@settings(max_examples=200, deadline=2000, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=IMAGES, sizes=st.lists(st.integers(0, 100_000), max_size=8))
def test_any_image_has_a_verdict_and_the_same_one_as_a_file(data, sizes, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "fuzzed"
    path.write_bytes(data)
    found = stream(data, sizes)
    assert found == inspect(path)
    assert isinstance(found, Found)
    assert found.format in {*PARSERS, "raw"}
    assert found.safe is not bool(found.problems)
    assert found.virtual_size >= 0
    try:
        check(found.format, found, max_virtual_bytes=1 << 30)
    except Invalid as error:
        assert str(error)


@settings(max_examples=100, deadline=1000)
@given(st.binary(max_size=2000), st.sampled_from(sorted(GOOD)))
def test_any_bytes_behind_a_signature_have_a_verdict(data, name):
    for keep in (4, 8, 16, 68):
        assert isinstance(stream(GOOD[name][:keep] + data, [7, 100]), Found)


@settings(max_examples=100, deadline=1000)
@given(st.text(alphabet='RW 1SPAFLT"/\n\0=ceyparentCIDf#\x0b', max_size=300), st.integers(0, len(DESCRIPTOR)))
def test_any_descriptor_has_a_verdict(text, place):
    found = stream(vmdk(DESCRIPTOR[:place] + text + DESCRIPTOR[place:]), [])
    assert found.format == "vmdk"


def test_a_descriptor_made_to_be_slow_is_not():
    for evil in ("createType" + " " * 9000, "parentCID=" * 900, "RW " + "a " * 4500, "RW " + " " * 9000 + "a", "RW 1 S\n" * 1200):
        begin = time.process_time()
        assert stream(vmdk(DESCRIPTOR + evil), []).format == "vmdk"
        assert time.process_time() - begin < 0.5


def test_memory_and_time_stay_bounded_for_every_format():
    zeros = bytes(MIB)
    for name, data in GOOD.items():
        tracemalloc.start()
        begin = time.process_time()
        inspector = Inspector()
        for at_ in range(0, len(data), 65536):
            inspector.feed(memoryview(data)[at_:at_ + 65536])
        for _ in range(64):
            inspector.feed(zeros)
        inspector.finish()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 600 << 10, (name, peak)
        assert time.process_time() - begin < 2, name


def test_a_huge_file_is_not_read_through(tmp_path):
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(1 << 42)
    begin = time.process_time()
    assert inspect(path).virtual_size == 1 << 42
    assert time.process_time() - begin < 1


def test_no_image_takes_a_second_or_64_mib():
    """OSSA-2016-012: in a process of its own, where its peak is its own. More files: PILEUS_FUZZ=20000; others: PILEUS_FUZZ_SEED."""
    files, seed = os.environ.get("PILEUS_FUZZ", "300"), os.environ.get("PILEUS_FUZZ_SEED", "1")
    ran = subprocess.run([sys.executable, "-m", "tests.image.formats.bounded", seed, files], capture_output=True, text=True,
                         cwd=Path(__file__).parents[3], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    assert ran.returncode == 0, ran.stderr
    worst = json.loads(ran.stdout)
    assert worst["seconds"] < 1 and worst["mib"] < 64, (worst, seed)
