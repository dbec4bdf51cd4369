"""The guest image as a whole: built from the package archive, kept, and built again when it must be."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pileus.image.guest import GuestBuildFailed, build, build_guest_image, packages

pytestmark = pytest.mark.qemu                         # what is built here is only of use with QEMU, and takes seconds


@pytest.fixture
def never_downloads(monkeypatch):
    """The archive is gone: whoever builds now fails."""

    def refuse(work):
        raise GuestBuildFailed(why="there is no archive")

    monkeypatch.setattr(packages, "download", refuse)


def debugfs(image: str, command: str) -> str:
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    return subprocess.run(["debugfs", "-R", command, image], capture_output=True, text=True, check=True, env=environment).stdout


def fsck(image: str) -> int:
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    return subprocess.run(["e2fsck", "-f", "-n", image], capture_output=True, env=environment).returncode


def test_it_says_what_it_does_and_what_it_used(image, steps):
    assert len(steps) == 4 and steps[0].startswith("Downloading")
    assert {"busybox-static", "dropbear-bin"} < set(image.packages)
    assert any(package.startswith("linux-image-") for package in image.packages)


def test_the_root_file_system_is_sound_and_belongs_to_root(image):
    assert fsck(image.rootfs) == 0
    assert "Mode:  04755" in debugfs(image.rootfs, "stat /bin/busybox")
    for name, owner in (("/", 0), ("/etc/init.d/cloud", 0), ("/bin/sh", 0), ("/home/cloud/.ssh", 1000)):
        user = debugfs(image.rootfs, f"stat {name}").split("User:")[1].split()[0]
        assert int(user) == owner, name
    assert "Mode:  0600" in debugfs(image.rootfs, "stat /etc/shadow")


def test_a_second_call_returns_what_is_there(image, never_downloads):
    before = {path.name: path.stat().st_mtime_ns for path in Path(image.disk).parent.iterdir()}
    assert build_guest_image(Path(image.disk).parent, lambda step: pytest.fail(step)) == image
    assert {path.name: path.stat().st_mtime_ns for path in Path(image.disk).parent.iterdir()} == before
    assert set(before) == {*build.OUTPUTS, build.MANIFEST, ".lock"}


def test_it_is_built_again_when_it_is_torn_or_of_other_inputs(image, never_downloads, monkeypatch):
    out = Path(image.disk).parent
    with pytest.raises(GuestBuildFailed):
        build_guest_image(out, rebuild=True)
    monkeypatch.setattr(build, "_key", lambda: "other")
    with pytest.raises(GuestBuildFailed):
        build_guest_image(out)
    monkeypatch.undo()
    monkeypatch.setattr(packages, "download", lambda work: pytest.fail("it is built again"))
    assert build_guest_image(out) == image, "failed attempts have not harmed it"
    (out / "building-of-a-killed-process").mkdir()
    Path(image.kernel).rename(out / "aside")
    with pytest.raises(pytest.fail.Exception):
        build_guest_image(out)
    (out / "aside").rename(image.kernel)
    assert not list(out.glob("building-*"))


def test_our_own_files_are_inputs():
    assert build._key() == build._key()
    names = [path.name for path in (Path(build.__file__).parent).rglob("*")]
    assert {"inittab", "cloud", "init", "rootfs.py"} <= set(names)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_it_needs_no_root(image):
    """The same owners and modes, whoever builds it. Not in pytest's folder, which other runs close to everybody else."""
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, 65534, 65534)
        build_as_nobody(Path(folder))


def build_as_nobody(out):
    program = "import sys; from pathlib import Path; from pileus.image.guest import build_guest_image as b; b(Path(sys.argv[1]))"
    path = os.pathsep.join([*filter(None, sys.path), os.getcwd()])
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c", program, str(out)]
    ended = subprocess.run(command, env={**os.environ, "PYTHONPATH": path, "HOME": str(out)}, capture_output=True, text=True)
    if "Permission denied" in ended.stderr and not any(out.glob("*")):
        pytest.skip("nobody may not even read this Python")
    assert ended.returncode == 0, ended.stderr
    assert (out / "rootfs.img").stat().st_uid == 65534
    assert fsck(str(out / "rootfs.img")) == 0
    assert debugfs(str(out / "rootfs.img"), "ls -l /bin") .split("\n")[3].split()[3:5] == ["0", "0"]
    assert "Mode:  04755" in debugfs(str(out / "rootfs.img"), "stat /bin/busybox")
