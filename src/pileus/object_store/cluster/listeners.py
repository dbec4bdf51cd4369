"""The sockets that a process listens on. Its successor gets the very same ones: what waits in their queues is lost by nobody."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys

from pileus.object_store.transport import address

#: In the environment of a successor: `ADDRESS=DESCRIPTOR`, with commas between.
NAME = "PILEUS_LISTENERS"
BACKLOG = 2048


class Listeners:
    def __init__(self) -> None:
        pairs = (pair.rpartition("=") for pair in os.environ.pop(NAME, "").split(",") if pair)
        self.inherited = {at: int(descriptor) for at, _, descriptor in pairs}
        self.open: dict[str, socket.socket] = {}
        self.has_successor = False

    def at(self, place: str) -> socket.socket:
        """The socket of an address. Raises OSError when somebody else has it."""
        if place in self.inherited:
            found = socket.socket(fileno=self.inherited.pop(place))
        else:
            found = socket.create_server(address(place), backlog=BACKLOG)
        found.setblocking(False)
        self.open[place] = found
        return found

    def spawn_successor(self) -> None:
        """Start this very program again: it listens beside this process, and takes its place when this one ends."""
        told = ",".join(f"{place}={listener.fileno()}" for place, listener in self.open.items())
        command = [word for word in sys.orig_argv if word != "--take-over"]
        subprocess.Popen([*command, "--take-over"], stdin=subprocess.DEVNULL, env=os.environ | {NAME: told}, start_new_session=True,
                         pass_fds=[listener.fileno() for listener in self.open.values()])
        self.has_successor = True

    def leave(self) -> None:
        """Take no more connections from the queues: from now on the successor alone does.

        An HTTP server that is told to stop closes connections that it has accepted and not read, and a client that has just
        come would be turned away. So every descriptor of these sockets, the server's own copies too, first becomes one of a
        socket that nobody connects to.
        """
        ours = {os.fstat(listener.fileno()).st_ino for listener in self.open.values()}
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            nobody.setblocking(False)
            for descriptor in map(int, os.listdir("/proc/self/fd")):
                try:
                    found = os.fstat(descriptor)
                except OSError:             # the listing's own
                    continue
                if stat.S_ISSOCK(found.st_mode) and found.st_ino in ours:
                    os.dup2(nobody.fileno(), descriptor, inheritable=False)

    def close(self) -> None:
        for listener in self.open.values():
            listener.close()
