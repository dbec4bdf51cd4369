"""Flows that conntrack knows, in the thread's namespace: list them, end them. Speaks netlink itself.

The kernel's own bytes of a flow's tuple are handed back to delete it, so nothing of a protocol has to be understood here.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator

import msgspec

NETLINK_NETFILTER = 12
GET, DELETE = 0x0101, 0x0102                # subsystem 1, messages 1 and 2
REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
ERROR, END = 2, 3
TUPLE_ORIGINAL, TUPLE_REPLY, ZONE = 1, 2, 18
TUPLE_IP, TUPLE_PROTOCOL = 1, 2
SOURCES, DESTINATIONS = {1, 3}, {2, 4}      # IPv4 and IPv6
TCP = 6
NESTED, TYPE_MASK = 0x8000, 0x3FFF


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """A connection as its opener sees it (source, destination) and as the answers come (answer_*): NAT makes them differ."""

    protocol: int
    source: str
    destination: str
    answer_source: str
    answer_destination: str
    zone: int
    family: int
    key: bytes                              # the attributes that name it to the kernel


def flows() -> Iterator[Flow]:
    """Every flow that is tracked in the thread's namespace."""
    with _socket() as netlink:
        netlink.send(_message(GET, REQUEST | DUMP, socket.AF_UNSPEC))
        while True:
            for kind, body in _messages(netlink.recv(1 << 18)):
                if kind == END:
                    return
                if kind == ERROR:
                    _raise(body)
                if (flow := _flow(body)) is not None:
                    yield flow


def end(wanted: Callable[[Flow], bool]) -> int:
    """End the flows that are wanted to end; the next packet of such a flow is a new flow's first. Returns how many."""
    found = [flow for flow in flows() if wanted(flow)]
    with _socket() as netlink:
        for flow in found:
            netlink.send(_message(DELETE, REQUEST | ACK, flow.family, flow.key))
            for kind, body in _messages(netlink.recv(1 << 16)):
                if kind == ERROR and -struct.unpack_from("=i", body)[0] not in (0, errno.ENOENT):
                    _raise(body)
    return len(found)


def _socket() -> socket.socket:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)


def _message(kind: int, flags: int, family: int, attributes: bytes = b"") -> bytes:
    body = struct.pack("=BBH", family, 0, 0) + attributes
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, at)
        yield kind, data[at + 16 : at + length]
        at += (length + 3) & ~3


def _raise(body: bytes) -> None:
    number = -struct.unpack_from("=i", body)[0]
    raise OSError(number, f"conntrack: {os.strerror(number)}")


def _attributes(data: bytes) -> dict[int, bytes]:
    found, at = {}, 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:
            break
        found[kind & TYPE_MASK] = data[at + 4 : at + length]
        at += (length + 3) & ~3
    return found


def _flow(body: bytes) -> Flow | None:
    found = _attributes(body[4:])
    if TUPLE_ORIGINAL not in found or TUPLE_REPLY not in found:
        return None
    (protocol, source, destination), (_, answer_source, answer_destination) = (
        _tuple(found[kind]) for kind in (TUPLE_ORIGINAL, TUPLE_REPLY)
    )
    key = _attribute(TUPLE_ORIGINAL | NESTED, found[TUPLE_ORIGINAL])
    if ZONE in found:
        key += _attribute(ZONE, found[ZONE])
    return Flow(
        protocol=protocol,
        source=source,
        destination=destination,
        answer_source=answer_source,
        answer_destination=answer_destination,
        zone=struct.unpack(">H", found[ZONE])[0] if ZONE in found else 0,
        family=body[0],
        key=key,
    )


def _tuple(data: bytes) -> tuple[int, str, str]:
    parts = _attributes(data)
    addresses = _attributes(parts[TUPLE_IP])
    source = next(_address(value) for kind, value in addresses.items() if kind in SOURCES)
    destination = next(_address(value) for kind, value in addresses.items() if kind in DESTINATIONS)
    return _attributes(parts[TUPLE_PROTOCOL])[1][0], source, destination


def _address(raw: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)
