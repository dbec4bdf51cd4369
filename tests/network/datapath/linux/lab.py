"""A laboratory of network namespaces: one plays the host, others play guests and the world outside.

Nothing of it touches the namespace that the tests run in. Everything is removed at the end, whatever happened.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from math import ceil
from pathlib import Path

import pytest

from pileus.network.datapath.base import Port, tap_name
from pileus.network.datapath.linux import Linux, Options, names, netns

TOOLS = ("nft", "dnsmasq", "ip", "busybox", "ping")
missing = [tool for tool in TOOLS if not shutil.which(tool)]
needs_root = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="needs root on Linux"),
    pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}"),
]

_number = itertools.count()

UDHCPC = """#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add "$ip/$mask" dev "$interface"
echo "ip=$ip mask=$mask router=$router dns=$dns mtu=$mtu hostname=$hostname routes=$staticroutes domain=$domain"
echo "lease=$lease tftp=$tftp bootfile=$bootfile"
"""


SERVER = """
import socketserver, sys
class Answer(socketserver.BaseRequestHandler):
    def handle(self): self.request.sendall((sys.argv[2] or self.client_address[0]).encode())
class Server(socketserver.ThreadingTCPServer): allow_reuse_address = True
server = Server(("", int(sys.argv[1])), Answer)
print("ready", flush=True)
server.serve_forever()
"""
CLIENT = """
import socket, sys
try: print(socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3])).recv(99).decode(), end="")
except OSError: pass
"""


RECEIVER = """
import socket, sys
s = socket.socket(type=socket.SOCK_DGRAM); s.bind(("", int(sys.argv[1]))); print("ready", flush=True)
print(s.recv(99).decode(), end="")
"""
SENDER = """
import socket, sys
s = socket.socket(type=socket.SOCK_DGRAM); s.bind(("", int(sys.argv[1])))
s.sendto(b"hello", (sys.argv[2], int(sys.argv[3])))
"""


def run(space: str, *command: str, text: str | None = None, timeout_s: float = 20) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["ip", "netns", "exec", space, *command], input=text, capture_output=True, text=True, timeout=timeout_s, check=False
    )


class Lab:
    """Namespaces of one test. Drivers that it makes see only the host's."""

    def __init__(self) -> None:
        self.name = f"plt{os.getpid()}x{next(_number)}"
        self.run_folder = Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir="/run"))
        self.run_folder.chmod(0o755)
        self.host = self.space("host")
        self.tags: set[str] = set()

    def space(self, role: str) -> str:
        name = f"{self.name}-{role}"
        self.ip("netns", "add", name)
        self.ip("-n", name, "link", "set", "lo", "up")
        return name

    def ip(self, *arguments: str) -> str:
        done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def linux(self, tag: str = "one", **options) -> Linux:
        """A driver of the cloud `tag`; the tag is made unique, other tests may run on this machine."""
        tag = self.name + tag
        self.tags.add(tag)
        layout = {name: options.pop(name) for name in Options.__struct_fields__ if name in options}
        return Linux(Options(**{"tag": tag, "guest_link": "veth", **layout}), **{"run": self.run_folder, "host": self.host, **options})

    def guest(
        self, port: Port, *, address: str | None = "", gateway: bool = True, mac: str | None = None, host: str = ""
    ) -> Guest:
        """Take the guest's end of a port into a namespace of its own. Addresses: the port's own, another, or none yet."""
        space = self.space("g" + port.id[:11])
        self.ip("-n", host or self.host, "link", "set", names.plug(port.id), "netns", space, "name", "eth0")
        self.ip("-n", space, "link", "set", "eth0", "address", mac or port.mac)
        self.ip("-n", space, "link", "set", "eth0", "up")
        fixed = port.fixed_ips[0]
        if address is not None:
            self.ip("-n", space, "addr", "add", address or f"{fixed.ip}/{fixed.prefix}", "dev", "eth0")
            if gateway:
                self.ip("-n", space, "route", "add", "default", "via", fixed.ip.rpartition(".")[0] + ".1")
        return Guest(self, space, fixed.ip, port)

    def leftovers(self) -> set[str]:
        """Names of all that any datapath made: devices of the host, namespaces, nft tables, processes' folders."""
        links = {line.split(": ")[1].partition("@")[0] for line in self.ip("-n", self.host, "-o", "link").splitlines()}
        tables = set(run(self.host, "nft", "list", "tables").stdout.splitlines())
        folders = {path.name for tag in self.run_folder.iterdir() for path in tag.iterdir()}
        return (links - {"lo"}) | tables | set(self.spaces()) | folders

    def spaces(self) -> list[str]:
        """Namespaces that the clouds of this laboratory made."""
        return [name for name in netns.names() if name.startswith((names.DHCP, names.ROUTER)) and self._owner(name) in self.tags]

    def _owner(self, space: str) -> str | None:
        shown = subprocess.run(["ip", "-j", "-n", space, "link", "show", "lo"], capture_output=True, text=True, check=False)
        return names.owner(json.loads(shown.stdout)[0].get("ifalias")) if shown.returncode == 0 else None

    def close(self) -> None:
        mine = [name for name in netns.names() if name.startswith(f"{self.name}-")]
        for name in [*self.spaces(), *mine]:
            for pid in self.ip("netns", "pids", name).split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), 9)
            self.ip("netns", "del", name)
        shutil.rmtree(self.run_folder, ignore_errors=True)


class Guest:
    """A namespace that plays a guest, or the world outside."""

    def __init__(self, lab: Lab, space: str, address: str, port: Port | None = None):
        self.lab, self.space, self.address, self._port = lab, space, address, port

    @property
    def port(self) -> Port:
        assert self._port, "the world outside has no port"
        return self._port

    def run(self, *command: str, **options) -> subprocess.CompletedProcess:
        return run(self.space, *command, **options)

    def popen(self, *command: str) -> subprocess.Popen:
        command = ("ip", "netns", "exec", self.space, *command)
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def pings(self, address: str, *, count: int = 1, wait_s: float = 1) -> bool:
        """Whether so many answers come, to however many packets are sent in twice the time: a busy machine loses some."""
        return self.run("ping", "-n", "-q", "-c", str(count), "-i", "0.2", "-w", str(ceil(2 * wait_s)), address).returncode == 0

    @contextlib.contextmanager
    def serving(self, port: int, answer: str = "hello", *, tells_peer: bool = False):
        """Answer every TCP connection to a port, or tell everybody their own address."""
        server = self.popen(sys.executable, "-c", SERVER, str(port), "" if tells_peer else answer)
        try:
            assert server.stdout and server.stdout.readline() == b"ready\n"
            yield self.address
        finally:
            server.kill()
            server.wait()

    def asks(self, address: str, port: int, *, wait_s: float = 2) -> str:
        """What a TCP server answers; nothing when it is not reached."""
        return self.run(sys.executable, "-c", CLIENT, address, str(port), str(wait_s)).stdout

    def sends_udp(self, port: int, to: Guest, to_port: int, *, address: str = "") -> bool:
        """Whether a datagram arrives."""
        receiver = to.popen(sys.executable, "-c", RECEIVER, str(to_port))
        assert receiver.stdout and receiver.stdout.readline() == b"ready\n"
        self.run(sys.executable, "-c", SENDER, str(port), address or to.address, str(to_port))
        try:
            return receiver.communicate(timeout=1)[0] == b"hello"     # counted from when it was sent
        except subprocess.TimeoutExpired:
            receiver.kill()
            receiver.communicate()
            return False

    def serve_echo(self, port: int) -> subprocess.Popen:
        """Send back what one TCP connection brings; returns when it can be reached."""
        server = self.popen("busybox", "nc", "-l", "-p", str(port), "-e", "/bin/cat")
        while f":{port} " not in self.run("ss", "-ltnH").stdout:
            assert server.poll() is None
        return server

    def dhcp(self) -> dict[str, str]:
        """Be given an address; what the server said."""
        script = self.lab.run_folder / "udhcpc"
        script.write_text(UDHCPC)
        script.chmod(0o755)
        done = self.run("busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", "4", "-T", "1", "-s", str(script),
                        "-O", "staticroutes", "-O", "mtu", "-O", "tftp", "-O", "bootfile")  # fmt: skip
        return dict(word.split("=", 1) for word in done.stdout.replace("routes=", "routes=").split() if "=" in word)


__all__ = ["Guest", "Lab", "needs_root", "run", "tap_name"]
