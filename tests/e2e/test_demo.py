"""The real thing: a cloud with QEMU guests on Linux networks. `pileus demo` ends in ssh, a killed cloud adopts its guest, and
`pileus reset` leaves nothing on the machine."""

import os
import shutil
import subprocess
import sys

import pytest

from pileus.hosts import tag
from tests.e2e.process import ROOT, environment
from tests.ports import free_port

pytestmark = [pytest.mark.root, pytest.mark.qemu, pytest.mark.realtime]
NEEDED = ("qemu-system-x86_64", "qemu-img", "dnsmasq", "nft", "ip", "conntrack", "ssh", "ssh-keygen", "busybox", "depmod", "mke2fs")


def missing() -> str:
    if os.geteuid() != 0:
        return "needs root"
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    absent = [tool for tool in NEEDED if not shutil.which(tool, path=path)]
    return f"not installed: {', '.join(absent)}" if absent else ""


def pileus(*args: str, timeout: float = 600) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "pileus", *args], cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=timeout)


def made_here(mark: str) -> list[str]:
    """What of a cloud is in the kernel: links with its alias, tables with its name."""
    links = subprocess.run(["ip", "-d", "link", "show"], capture_output=True, text=True).stdout
    tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True).stdout
    ours = (f"pileus:{mark}:", f"pileus_{mark}", f"br-ex-{mark}")
    return [line for line in (links + tables).splitlines() if any(name in line for name in ours)]


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_demo_restart_and_reset(tmp_path):
    state = tmp_path / "cloud"
    os.chmod(tmp_path, 0o755)
    where = ("--state", str(state))
    listen = ("--listen", f"127.0.0.1:{free_port()}")
    try:
        shown = pileus("demo", *where, *listen)
        assert shown.returncode == 0, shown.stdout + shown.stderr
        assert "ssh through" in shown.stdout and "demo: Linux" in shown.stdout
        assert "demo-copy: written in demo" in shown.stdout, "a server of the snapshot has what was on the disk of the first"
        memory = next(line.split() for line in shown.stdout.splitlines() if line.endswith("MiB of memory"))
        assert memory[0] == "demo-copy:" and int(memory[1]) > 400, "and is resized from 192 to 512 MiB"
        login = next(line.split() for line in shown.stdout.splitlines() if line.strip().startswith("ssh -i"))
        options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                   "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=10"]
        ssh = [login[0], *options, *login[1:], "cat /proc/sys/kernel/random/boot_id"]
        boot = subprocess.run(ssh, capture_output=True, text=True, timeout=60).stdout
        assert boot
        os.kill(int((state / "pileus.pid").read_text()), 9)
        again = pileus("up", "-d", *where, *listen)
        assert again.returncode == 0, again.stdout + again.stderr
        assert "ACTIVE" in pileus("status", *where).stdout
        assert subprocess.run(ssh, capture_output=True, text=True, timeout=60).stdout == boot       # the same boot of the same guest
        assert made_here(tag(state))
    finally:
        gone = pileus("reset", "--yes", *where)
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert not state.exists() and made_here(tag(state)) == []
    assert not subprocess.run(["pgrep", "-f", str(state)], capture_output=True, text=True).stdout
