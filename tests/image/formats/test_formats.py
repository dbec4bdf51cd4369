"""What an image is found to be, and what is refused; the tests of advisories carry their numbers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import struct

import pytest
from tests.image.formats import images
from tests.image.formats.images import DESCRIPTOR, GOOD, MIB, VIRTUAL, at, put

from pileus.core.errors import Invalid
from pileus.image.formats import FormatMismatch, FormatUnknown, ImageTooLarge, ImageUnsafe, Inspector, check, inspect
from pileus.image.formats.inspector import PARSERS
from pileus.image.formats.qemu_img import DRIVERS
from pileus.image.formats.verdict import ACCEPTED


def look(data, chunk=1 << 16):
    inspector = Inspector()
    for begin in range(0, len(data), chunk):
        inspector.feed(data[begin:begin + chunk])
    return inspector.finish()


def refused(data, problem):
    found = look(data)
    assert not found.safe
    assert any(problem in told for told in found.problems), found.problems
    with pytest.raises(Invalid):
        check(found.format, found)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_image_is_what_it_is_whichever_way_it_is_read(name, tmp_path):
    path = tmp_path / "image"
    path.write_bytes(GOOD[name])
    found = look(GOOD[name])
    assert (found.format, found.safe, found.problems) == (name, True, ())
    assert found.virtual_size == (VIRTUAL if name in ("qcow2", "vmdk", "vhd", "vhdx", "vdi", "ploop") else len(GOOD[name]))
    assert inspect(path) == found == look(GOOD[name], 1000) == look(GOOD[name], 1 << 30)


def test_variants_that_are_good():
    for data, size in [(images.qcow2(version=2), VIRTUAL), (images.qcow2(size=0, l1_size=0), 0), (images.gpt(4096), MIB),
                       (images.vmdk(DESCRIPTOR.replace("monolithicSparse", "streamOptimized"), at_end=True), VIRTUAL),
                       (images.fixed_vhd(bytes(MIB)), MIB), (images.fixed_vhd(images.mbr()), MIB), (images.luks(2), MIB),
                       (images.vdi(kind=2), VIRTUAL), (images.ploop(magic=b"WithoutFreeSpace"), VIRTUAL)]:
        found = look(data)
        assert found.safe, found
        assert found.virtual_size == size


def test_encryption_is_noted():
    assert look(images.qcow2(crypt=2)).encrypted
    assert look(images.luks()).encrypted
    assert not look(images.qcow2()).encrypted


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("declared", ACCEPTED)
def test_ossa_2024_002_content_must_be_what_was_declared(declared, name):
    found = look(GOOD[name])
    plain = {"raw", "gpt", "mbr", "luks"}
    fits = name in plain if declared in ("raw", "ami", "aki", "ari") else (
        name in ("gpt", "mbr") if declared == "gpt" else name == declared)
    if fits:
        check(declared, found)
    else:
        with pytest.raises(FormatMismatch) as raised:
            check(declared, found)
        assert raised.value.facts == {"declared": declared, "found": name}


@pytest.mark.parametrize("declared", [None, "", "qed", "qcow", "exe"])
def test_an_unknown_disk_format_is_refused(declared):
    with pytest.raises(FormatUnknown):
        check(declared, look(GOOD["raw"]))


@pytest.mark.parametrize("backing", [b"/etc/passwd", b"json:{\"driver\":\"nbd\"}", b"x"])
@pytest.mark.parametrize("version", [2, 3])
def test_ossa_2015_014_backing_file(version, backing):
    refused(images.qcow2(version=version, backing=backing), "backing file")
    with pytest.raises(ImageUnsafe, match="backing file"):
        check("qcow2", look(images.qcow2(backing=backing)))


def test_ossa_2024_001_external_data_file():
    refused(images.qcow2(incompatible=4), "external data file")
    refused(images.qcow2(extensions=images.extension(0x44415441, b"/etc/passwd") + bytes(8)), "external data file")
    filler = images.extension(0x6803F857, bytes(48)) * 3
    refused(images.qcow2(extensions=filler + images.extension(0x44415441, b"/etc/passwd") + bytes(8)), "external data file")


def test_ossa_2024_001_a_data_file_cannot_hide_behind_the_part_that_is_read():
    filler = images.extension(0x6803F857, bytes(65536 - 104 - 8))
    data = images.qcow2(cluster_bits=21, extensions=filler + images.extension(0x44415441, b"/etc/passwd"), total=4 * MIB)
    refused(put(put(data, 40, ">Q", 2 * MIB), 48, ">Q", 2 * MIB), "too many header extensions")


@pytest.mark.parametrize(("data", "problem"), [
    (images.qcow2(version=4), "version 4"),
    (images.qcow2(cluster_bits=8), "2^8"),
    (images.qcow2(cluster_bits=40), "2^40"),
    (images.qcow2(incompatible=2), "corrupt"),
    (images.qcow2(incompatible=1 << 30), "not known"),
    (images.qcow2(crypt=9), "encryption"),
    (images.qcow2(size=1 << 40), "L1 table"),
    (images.qcow2(size=1 << 62, l1_size=1 << 21), "L1 table"),
    (images.qcow2(l1_size=1 << 31), "L1 table"),
    (put(images.qcow2(), 40, ">Q", 12345), "tables"),
    (put(images.qcow2(), 40, ">Q", 1 << 40), "beyond"),
    (put(images.qcow2(), 56, ">I", 1 << 20), "tables"),
    (put(images.qcow2(), 60, ">I", 1 << 20), "snapshots"),
    (put(images.qcow2(), 100, ">I", 1 << 30), "header of"),
    (images.qcow2(extensions=struct.pack(">II", 7, 1 << 31)), "too long"),
    (images.qcow2(extensions=images.extension(7, b"") * 100), "too many"),
    (images.qcow2()[:70], "cut off"),
    (put(images.qcow2(), 4, ">I", 1), "version 1 of qcow"),
    (b"QED\0" + bytes(100), "QED"),
    (b"Bochs Virtual HD Image\0" + bytes(100), "Bochs"),
    (b"#!/bin/sh\n#V2.0 Format\n" + bytes(100), "cloop"),
    (bytes(1024) + b"koly".ljust(512, b"\0"), "DMG"),
])
def test_qemu_formats_that_are_refused(data, problem):
    refused(data, problem)


def monolithic(old, new):
    assert old in DESCRIPTOR
    return images.vmdk(DESCRIPTOR.replace(old, new))


@pytest.mark.parametrize("kind", ["monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat", "vmfs", "vmfsSparse", "fullDevice",
                                  "vmfsRaw", "partitionedDevice", "custom", ""])
def test_cve_2022_47951_kinds_of_vmdk_that_name_files(kind):
    refused(monolithic("monolithicSparse", kind), "kind")


def test_cve_2022_47951_a_descriptor_alone():
    flat = DESCRIPTOR.replace("monolithicSparse", "monolithicFlat").replace('SPARSE "disk.vmdk"', 'FLAT "/etc/passwd" 0')
    refused(flat.encode(), "descriptor")
    refused(b"\n# hello\n\nversion=1\ncid=1\n" + flat.encode(), "descriptor")
    assert look(b"version=1\nis a text like any other").format == "raw"


def test_cve_2022_47951_a_header_without_capacity_makes_qemu_read_the_descriptor_as_a_list_of_files():
    refused(images.vmdk(capacity=0), "capacity")


@pytest.mark.parametrize(("data", "problem"), [
    (monolithic('"disk.vmdk"', '"/etc/passwd"'), "names another file"),
    (monolithic('"disk.vmdk"', '"../../etc/passwd"'), "names another file"),
    (monolithic('"disk.vmdk"', '"json:{}"'), "names another file"),
    (monolithic('"disk.vmdk"', '"C:\\x"'), "names another file"),
    (monolithic('RW 131072 SPARSE "disk.vmdk"', 'RW 131072 FLAT "disk.vmdk" 0'), "kind 'FLAT'"),
    (monolithic('RW 131072', 'RW 1 SPARSE "a"\nRW 131072'), "2 extents"),
    (monolithic('RW 131072', 'RW +1 SPARSE "a"\n  rdonly 131072'), "2 extents"),
    (monolithic('RW 131072 SPARSE "disk.vmdk"', ""), "0 extents"),
    (monolithic("parentCID=ffffffff", "parentCID=00000001"), "parent"),
    (monolithic("version=1", 'parentFileNameHint="/etc/passwd"'), "parent"),
    (monolithic("version=1", 'createType="monolithicSparse"'), "say once"),
    (monolithic('createType="monolithicSparse"', ""), "say once"),
    (images.vmdk(DESCRIPTOR + '\0\0createType="monolithicFlat"'), "say once"),
    (images.vmdk(descriptor_at=0), "no descriptor"),
    (images.vmdk(descriptor_at=1 << 30), "cut off"),
    (images.vmdk(descriptor_at=1 << 62), "cut off"),
    (images.vmdk(at_end=True, footer_capacity=1 << 40), "footer differs"),
    (images.vmdk(at_end=True)[:-1024], "footer is missing"),
    (put(images.vmdk(), 36, "<Q", 1 << 40), "too long"),
    (put(images.vmdk(), 12, "<Q", 1 << 60), "sizes"),
    (put(images.vmdk(), 20, "<Q", 100), "sizes"),
    (put(images.vmdk(), 4, "<I", 9), "version 9"),
    (b"COWD".ljust(4096, b"\0"), "several files"),
    (b"KDMV", "cut off"),
])
def test_ossa_2023_002_vmdk_that_is_refused(data, problem):
    refused(data, problem)


VHDX_ITEMS = [("caa16737-fa36-4d43-b3b6-33f0aa44e76b", bytes(8)), ("2fa54224-cd1b-4876-b211-5dbed83bf4b8", bytes(8))]


@pytest.mark.parametrize(("data", "problem"), [
    (images.vhd(kind=4), "parent"),
    (images.vhd(kind=7), "disk type 7"),
    (images.vhd(entries=2), "table"),
    (images.vhd(parent=b"x" * 16), "names a parent"),
    (images.vhd(locator=0x57326B75), "names a parent"),
    (images.vhd()[:600], "second header"),
    (put(images.vhd(), 16, ">Q", 0), "inside the first"),
    (put(images.vhd(), 512 + 32, ">I", 3), "block of 3"),
    (images.vhd()[:-512] + images.vhd_footer(3, 1 << 40), "footer differs"),
    (bytes(1024) + images.vhd_footer(2, MIB), "shorter"),
    (bytes(1024) + images.vhd_footer(4), "disk type 4"),
    (images.vhdx(flags=2), "parent"),
    (images.vhdx(items=[*VHDX_ITEMS, ("a8d35f2d-b30b-454d-abf7-d3d84834ab0c", bytes(8))]), "parent"),
    (images.vhdx(items=VHDX_ITEMS * 2), "twice"),
    (images.vhdx(items=VHDX_ITEMS[:1]), "how large"),
    (images.vhdx(log=b"l" * 16), "log"),
    (images.vhdx(size=1 << 62), "not possible"),
    (images.vhdx(metadata_at=1 << 40), "metadata is missing"),
    (images.vhdx(metadata_at=4096), "where its metadata is"),
    (images.vhdx(regions=2), "where its metadata is"),
    (at(at(images.vhdx(), 64 << 10, b"x"), 128 << 10, b"x"), "no valid header"),
    (at(images.vhdx(), (128 << 10) + 100, b"x" ), ""),
    (at(images.vhdx(), 192 << 10, b"x"), "region table"),
    (images.vhdx()[:2 * MIB + 100], "cut off"),
    (images.vdi(kind=4), "difference"),
    (images.vdi(parent=b"p" * 16), "parent"),
    (images.vdi(blocks=2), "block map"),
    (images.vdi()[:200], "cut off"),
    (images.ploop(extension_at=4096), "extension"),
    (images.ploop(entries=1), "block map"),
    (put(images.ploop(), 16, "<I", 3), "version 3"),
    (images.luks(9), "version 9"),
])
def test_other_formats_that_are_refused(data, problem):
    if problem:
        refused(data, problem)
    else:
        assert look(data).safe                  # one of two headers is damaged: the other one counts


@pytest.mark.parametrize(("data", "first", "second"), [
    (at(images.iso(), 0, images.qcow2()[:4096]), "qcow2", "iso"),
    (at(images.iso(), 0, images.vmdk()[:16384]), "vmdk", "iso"),
    (images.fixed_vhd(images.qcow2()), "qcow2", "vhd"),
    (images.fixed_vhd(images.iso()), "vhd", "iso"),
])
def test_two_formats_at_once_are_refused_whatever_was_declared(data, first, second):
    refused(data, f"it is also {second}")
    assert look(data).format == first
    for declared in ACCEPTED:
        with pytest.raises(Invalid):
            check(declared, look(data))


def test_an_iso_that_boots_from_a_stick_is_an_iso():
    found = look(at(images.iso(), 0, images.mbr()[:512]))
    assert (found.format, found.safe) == ("iso", True)
    with pytest.raises(FormatMismatch):
        check("raw", found)


def test_ossa_2013_012_virtual_size_is_limited():
    found = look(images.qcow2(size=1 << 40, l1_size=1 << 11))
    assert found.safe
    check("qcow2", found, max_virtual_bytes=1 << 40)
    with pytest.raises(ImageTooLarge):
        check("qcow2", found, max_virtual_bytes=(1 << 40) - 1)
    with pytest.raises(ImageTooLarge):
        check("raw", look(GOOD["raw"]), max_virtual_bytes=1000)


def test_an_empty_image_is_raw_and_empty(tmp_path):
    (tmp_path / "empty").touch()
    assert Inspector().finish() == inspect(tmp_path / "empty") == look(b"") == look(b"", 5)
    assert (look(b"").format, look(b"").virtual_size) == ("raw", 0)


def test_finish_may_be_asked_again():
    inspector = Inspector()
    inspector.feed(images.vhdx())
    assert inspector.finish() == inspector.finish()


def test_lists_agree():
    assert set(DRIVERS) == set(ACCEPTED)
    assert {name for names in ACCEPTED.values() for name in names} <= {*PARSERS, "raw"}
