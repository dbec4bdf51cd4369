"""The parts of the guest image that need no package archive."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import lzma
import shutil
import stat
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pileus.image.guest
from pileus.image.guest import GuestBuildFailed, GuestToolsMissing, kernel, packages, tools
from pileus.image.guest.disk import FAT16_LBA, LINUX, MIB, SECTOR, write_disk
from pileus.image.guest.ramdisk import _entry, archive
from pileus.image.guest.rootfs import _inode_fields, _install_files

FILES = Path(pileus.image.guest.__file__).parent / "files"
SCRIPTS = sorted(path for path in FILES.rglob("*") if path.is_file() and path.read_bytes().startswith(b"#!"))


def entries(data: bytes) -> dict[str, tuple[int, bytes, tuple[int, int]]]:
    """Name → mode, content, device of a cpio archive in the kernel's format."""
    found, at = {}, 0
    while at < len(data):
        assert data[at : at + 6] == b"070701"
        fields = [int(data[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        mode, uid, gid, size, named = fields[1], fields[2], fields[3], fields[6], fields[11]
        name = data[at + 110 : at + 110 + named - 1].decode()
        assert (uid, gid) == (0, 0)
        at += -(-(110 + named) // 4) * 4
        found[name] = (mode, data[at : at + size], (fields[9], fields[10]))
        at += -(-size // 4) * 4
    return found


def test_the_ramdisk_is_an_archive_of_roots_own_files(tmp_path):
    (tmp_path / "dev").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/busybox").write_bytes(b"program")
    (tmp_path / "bin/busybox").chmod(0o700)
    (tmp_path / "bin/sh").symlink_to("busybox")
    (tmp_path / "modules").write_bytes(b"list")
    (tmp_path / "modules").chmod(0o600)
    found = entries(archive(tmp_path))
    assert found == {
        "bin": (stat.S_IFDIR | 0o755, b"", (0, 0)),
        "bin/busybox": (stat.S_IFREG | 0o755, b"program", (0, 0)),
        "bin/sh": (stat.S_IFLNK | 0o777, b"busybox", (0, 0)),
        "dev": (stat.S_IFDIR | 0o755, b"", (0, 0)),
        "modules": (stat.S_IFREG | 0o644, b"list", (0, 0)),
        "dev/console": (stat.S_IFCHR | 0o600, b"", (5, 1)),
        "TRAILER!!!": (0, b"", (0, 0)),
    }
    order = list(found)
    assert all(order.index(str(Path(name).parent)) < order.index(name) for name in order if "/" in name)


@given(st.lists(st.tuples(st.text("abc", min_size=1, max_size=9), st.binary(max_size=99)), unique_by=lambda pair: pair[0]))
def test_an_archive_keeps_any_names_and_contents(files):
    data = b"".join(_entry(name, stat.S_IFREG, content) for name, content in files)
    assert {name: content for name, (_, content, _) in entries(data).items()} == dict(files)
    assert len(data) % 4 == 0


def test_a_disk_has_its_partitions_where_its_table_says(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"1" * (MIB + 1))
    second.write_bytes(b"2" * MIB)
    write_disk(tmp_path / "disk", b"\xeb" * 600, [(FAT16_LBA, first), (LINUX, second)])
    disk = (tmp_path / "disk").read_bytes()
    assert disk[:440] == b"\xeb" * 440 and disk[510:512] == b"\x55\xaa" and len(disk) == 4 * MIB
    table = [struct.unpack_from("<B3xB3xII", disk, 446 + 16 * n) for n in range(4)]
    assert table == [(0x80, FAT16_LBA, 2048, 4096), (0, LINUX, 6144, 2048), (0, 0, 0, 0), (0, 0, 0, 0)]
    for (_, _, start, _), content in zip(table, (first, second), strict=False):
        assert disk[start * SECTOR :].startswith(content.read_bytes())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(FILES)))
def test_a_script_is_good_shell(script):
    subprocess.run(["sh", "-n", script], check=True)
    if shutil.which("shellcheck"):
        found = subprocess.run(["shellcheck", "-s", "sh", script], capture_output=True, text=True)
        assert found.returncode == 0, found.stdout


def test_every_file_that_init_starts_is_there_and_is_a_script():
    table = (FILES / "root/etc/inittab").read_text()
    ours = {word for line in table.splitlines() for word in line.split(":", 3)[-1].split() if word.startswith("/etc/init.d/")}
    assert len(ours) == 3 and {FILES / "root" / name[1:] for name in ours} <= set(SCRIPTS)


def test_nobody_logs_in_over_the_network_with_the_password_that_everybody_knows():
    table = (FILES / "root/etc/inittab").read_text()
    (server,) = [line for line in table.splitlines() if "dropbear" in line]
    assert " -s" in server
    assert (FILES / "root/etc/securetty").read_text() == "", "root, who has no password, is refused on every terminal"


def test_a_file_is_executable_because_it_is_a_script_and_not_because_of_its_mode(tmp_path):
    source, tree = tmp_path / "source", tmp_path / "tree"
    (source / "etc").mkdir(parents=True)
    tree.mkdir()
    (source / "etc/script").write_text("#!/bin/sh\n")
    (source / "etc/data").write_text("data\n")
    (source / "etc/script").chmod(0o600)
    (source / "etc/data").chmod(0o777)
    _install_files(source, tree)
    assert (tree / "etc/script").stat().st_mode & 0o777 == 0o755
    assert (tree / "etc/data").stat().st_mode & 0o777 == 0o644


def test_owners_and_modes_are_set_for_every_file(tmp_path):
    for folder in ("bin", "home/cloud/.ssh", "etc"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("bin/busybox", "etc/shadow"):
        (tmp_path / name).touch()
    (tmp_path / "bin/sh").symlink_to("busybox")
    lines = list(_inode_fields(tmp_path))
    assert 'set_inode_field "/bin/busybox" mode 0104755' in lines
    assert 'set_inode_field "/etc/shadow" mode 0100600' in lines
    assert 'set_inode_field "/home/cloud/.ssh" uid 1000' in lines
    assert 'set_inode_field "/home" uid 0' in lines and 'set_inode_field "/" gid 0' in lines
    assert sum('"/bin/sh"' in line for line in lines) == 2, "a link has an owner and no mode"


@pytest.mark.parametrize("suffix", [".ko", ".ko.xz", ".ko.zst"])
def test_modules_are_unpacked(tmp_path, suffix):
    source, target = tmp_path / f"some-module{suffix}", tmp_path / "new/some-module.ko"
    content = b"\x7fELF" + bytes(1000)
    source.write_bytes(lzma.compress(content) if suffix == ".ko.xz" else content)
    if suffix == ".ko.zst":
        if shutil.which("zstd") is None:
            pytest.skip("needs zstd")
        (tmp_path / "plain").write_bytes(content)
        subprocess.run(["zstd", "-q", "-f", tmp_path / "plain", "-o", source], check=True)
    kernel._unpack(source, target)
    assert target.read_bytes() == content
    assert kernel._plain(source.name) == "some-module.ko" and kernel._name(source.name) == "some_module"


APT = {
    "debian": {
        "pkgnames linux-": "linux-base\nlinux-image-amd64\nlinux-image-cloud-amd64\n",
        "depends linux-image-cloud-amd64": "linux-image-cloud-amd64\n  Depends: linux-image-6.12.9-cloud-amd64\n",
        "depends linux-image-6.12.9-cloud-amd64": "linux-image-6.12.9-cloud-amd64\n  Depends: kmod\n  Depends: linux-base\n",
    },
    "ubuntu": {
        "pkgnames linux-": "linux-image-generic\nlinux-image-virtual\nlinux-modules-6.8.0-50-generic\n",
        "depends linux-image-virtual": "linux-image-virtual\n  Depends: linux-image-6.8.0-50-generic\n  Recommends: thermald\n",
        "depends linux-image-6.8.0-50-generic": "linux-image-6.8.0-50-generic\n  Depends: kmod\n  Depends: linux-base\n"
        "  Depends: linux-modules-6.8.0-50-generic\n  Suggests: linux-modules-extra-6.8.0-50-generic\n",
    },
    "unknown": {"pkgnames linux-": "linux-base\n"},
}


@pytest.fixture
def archive_of(tmp_path, monkeypatch):
    """Put a package archive's front end on the path that knows the answers of one distribution."""

    def put(distribution):
        cases = "".join(f"'{asked}') printf '{answer}' ;;\n" for asked, answer in APT[distribution].items())
        program = tmp_path / "apt-cache"
        program.write_text(f'#!/bin/sh\ncase "$*" in\n{cases}*) echo "E: unknown: $*" >&2; exit 100 ;;\nesac\n')
        program.chmod(0o755)
        monkeypatch.setattr(tools, "PATH", f"{tmp_path}:{tools.PATH}")

    return put


@pytest.mark.parametrize(
    ("distribution", "wanted"),
    [
        ("debian", ["linux-image-6.12.9-cloud-amd64"]),
        ("ubuntu", ["linux-image-6.8.0-50-generic", "linux-modules-6.8.0-50-generic"]),
    ],
)
def test_the_newest_kernel_of_each_distribution_is_found(archive_of, distribution, wanted):
    archive_of(distribution)
    assert packages.kernel_packages() == wanted


def test_an_archive_without_kernels_is_a_clear_error(archive_of):
    archive_of("unknown")
    with pytest.raises(GuestBuildFailed, match="apt-get update"):
        packages.kernel_packages()


def test_missing_tools_are_named_by_their_packages(monkeypatch, tmp_path):
    monkeypatch.setattr(packages, "PATH", str(tmp_path))
    with pytest.raises(GuestToolsMissing, match=r"e2fsprogs, kmod.*zstd"):
        packages.check_tools()
    monkeypatch.undo()
    monkeypatch.setattr(packages, "TOOLS", {"coreutils": "true", "no-such-package": "/no/such/file"})
    with pytest.raises(GuestToolsMissing) as failed:
        packages.check_tools()
    assert str(failed.value).endswith("not installed: no-such-package.")


def test_a_program_that_fails_says_why():
    with pytest.raises(GuestBuildFailed, match="sh: what is wrong") as failed:
        tools.run("sh", "-c", "echo first >&2; echo what is wrong >&2; exit 3")
    assert "first" in failed.value.detail
    with pytest.raises(GuestBuildFailed, match="no-such-program"):
        tools.run("no-such-program")
