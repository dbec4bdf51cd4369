"""Free ports: tests that listen have their own, whatever else runs on the machine."""

import contextlib
import os
import random
import socket


def free_ports(count: int) -> list[int]:
    """TCP ports of the loopback interface that nobody listens on at this moment, all different."""
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def free_port() -> int:
    return free_ports(1)[0]


def free_neighbourhood(below: int, above: int) -> int:
    """A port of which those up to `below` less and `above` more are free as well. It is under those that Linux gives to clients
    by itself, and where it is looked for differs between processes."""
    chance = random.Random(os.getpid())
    while True:
        port = chance.randrange(10_000 + below, 32_000 - above)
        with contextlib.suppress(OSError), contextlib.ExitStack() as taken:
            for one in range(port - below, port + above + 1):
                taken.enter_context(socket.socket()).bind(("127.0.0.1", one))
            return port
