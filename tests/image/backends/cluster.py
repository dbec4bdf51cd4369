"""A Ceph cluster of one monitor and one OSD in a folder, for tests: processes of this one, which end with it."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.ports import free_ports

from pileus.image.backends.base import StoreFailed
from pileus.image.backends.ceph import module
from pileus.image.backends.config import RbdConfig

CONF = """[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]
mon initial members = a
osd pool default size = 1
osd pool default min size = 1
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data avail crit = 1
mon osd full ratio = .99
mon osd nearfull ratio = .98
mon osd backfillfull ratio = .98
osd memory target = 939524096
osd objectstore = memstore
memstore device bytes = 1073741824
public addr = 127.0.0.1
run dir = {folder}
admin socket = {folder}/$name.$pid.asok
log file = {folder}/$name.log
keyring = {folder}/keyring
mon data = {folder}/mon
osd data = {folder}/osd
"""


def missing() -> str:
    """Why no cluster can be started here; empty: one can."""
    absent = [name for name in ("ceph-mon", "ceph-osd", "ceph", "ceph-authtool", "monmaptool") if shutil.which(name) is None]
    try:
        module("rados", RbdConfig().bindings_folder)
        module("rbd", RbdConfig().bindings_folder)
    except StoreFailed:
        absent.append("Ceph's Python modules")
    return f"needs {', '.join(absent)}" if absent else ""


class Cluster:
    def __init__(self, folder: Path):
        self.folder, self.conf = folder, folder / "ceph.conf"
        self.daemons: list[subprocess.Popen] = []

    def start(self) -> None:
        fsid, (v2, v1) = str(uuid.uuid4()), free_ports(2)
        self.conf.write_text(CONF.format(fsid=fsid, v2=v2, v1=v1, folder=self.folder))
        keyring, monmap = self.folder / "keyring", self.folder / "monmap"
        self.run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        self.run("ceph-authtool", keyring, "--gen-key", "-n", "client.admin", "--cap", "mon", "allow *", "--cap", "osd", "allow *")
        self.run("monmaptool", "--create", "--addv", "a", f"[v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]", "--fsid", fsid, monmap)
        self.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", keyring)
        self.daemon("ceph-mon", "-i", "a")
        osd, secret = str(uuid.uuid4()), self.run("ceph-authtool", "--gen-print-key").strip()
        (self.folder / "osd").mkdir()
        self.run("ceph", "osd", "new", osd, "-i", "-", text=f'{{"cephx_secret": "{secret}"}}')
        self.run("ceph-authtool", "--create-keyring", self.folder / "osd" / "keyring", "--name", "osd.0", "--add-key", secret)
        self.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd, "--keyring", self.folder / "osd" / "keyring")
        self.daemon("ceph-osd", "-i", "0", "--keyring", self.folder / "osd" / "keyring")
        self.run("ceph", "osd", "pool", "create", "images", "8")

    def stop(self) -> None:
        for process in reversed(self.daemons):
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()

    def run(self, command: str, *args, text: str = "") -> str:
        """What it printed. Commands of the cluster wait until somebody answers."""
        done = subprocess.run(self.command(command, *args), input=text, capture_output=True, text=True, timeout=60,
                              env=os.environ | {"CEPH_CONF": str(self.conf)})
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def daemon(self, command: str, *args) -> None:
        with (self.folder / f"{command}.out").open("wb") as out:
            self.daemons.append(subprocess.Popen([*self.command(command, *args), "-f"], stdout=out, stderr=out))

    def command(self, command: str, *args) -> list[str]:
        return [command, *([] if command in ("ceph-authtool", "monmaptool") else ["-c", str(self.conf)]), *map(str, args)]


@contextmanager
def ceph(folder: Path):
    """A cluster with a pool `images`, and the librbd of this process with it."""
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def librbd():
    return importlib.import_module("rbd")
