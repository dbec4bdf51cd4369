"""Free ports: tests that listen have their own, whatever else runs on the machine."""

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
