"""Ethernet frames by hand: what honest and dishonest guests send."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import socket
import struct
from ipaddress import IPv6Address

ALL_NODES = "33:33:00:00:00:01"
BROADCAST = "ff:ff:ff:ff:ff:ff"
MARK = b"pileus-test-frame"                 # so that the receiver knows it


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def ethernet(source: str, to: str, kind: int, payload: bytes) -> bytes:
    return mac(to) + mac(source) + struct.pack("!H", kind) + payload


def arp(source: str, sender: str, sender_ip: str, *, operation: int = 2) -> bytes:
    """An ARP packet to everybody: `sender_ip` is at `sender`."""
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + mac(sender) + socket.inet_aton(sender_ip)
    return ethernet(source, BROADCAST, 0x0806, body + b"\0" * 6 + socket.inet_aton(sender_ip) + MARK)


def udp4(source: str, source_ip: str, source_port: int, port: int, *, to: str = BROADCAST, to_ip: str = "255.255.255.255") -> bytes:
    """A datagram to everybody, with a DHCP-like length."""
    data = struct.pack("!HHHH", source_port, port, 8 + len(MARK), 0) + MARK
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(data), 1, 0, 64, 17, 0, socket.inet_aton(source_ip), socket.inet_aton(to_ip))
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return ethernet(source, to, 0x0800, head + data)


def ipv6(source: str, source_ip: str, protocol: int, payload: bytes, *, to_ip: str = "ff02::1", hops: int = 255) -> bytes:
    addresses = IPv6Address(source_ip).packed + IPv6Address(to_ip).packed
    return ethernet(source, ALL_NODES, 0x86DD, struct.pack("!IHBB", 6 << 28, len(payload), protocol, hops) + addresses + payload)


def icmp6(source: str, source_ip: str, kind: int, body: bytes, *, to_ip: str = "ff02::1") -> bytes:
    return ipv6(source, source_ip, 58, with_sum(struct.pack("!BBH", kind, 0, 0) + body, 58, source_ip, to_ip, at=2), to_ip=to_ip)


def advertisement(source: str, source_ip: str, target: str) -> bytes:
    """A neighbour advertisement: `target` is at `source`."""
    body = struct.pack("!I", 0x20000000) + IPv6Address(target).packed + b"\2\1" + mac(source)
    return icmp6(source, source_ip, 136, body + MARK + b"\0" * 7)


def router_advertisement(source: str, source_ip: str) -> bytes:
    return icmp6(source, source_ip, 134, router_body())


def fragmented_router_advertisement(source: str, source_ip: str) -> list[bytes]:
    """RFC 6105's gap: the type is only in the second fragment, behind destination options."""
    options = struct.pack("!BB", 58, 0) + b"\1\4\0\0\0\0"
    message = with_sum(struct.pack("!BBH", 134, 0, 0) + router_body(), 58, source_ip, "ff02::1", at=2)
    first = struct.pack("!BBHI", 60, 0, 0 << 3 | 1, 77) + options
    second = struct.pack("!BBHI", 60, 0, 1 << 3, 77) + message
    return [ipv6(source, source_ip, 44, part) for part in (first, second)]


def router_body() -> bytes:
    return struct.pack("!BBHII", 64, 0, 1800, 0, 0) + b"\1\1" + b"\0" * 6 + MARK + b"\0" * 7


def udp6(source: str, source_ip: str, source_port: int, port: int) -> bytes:
    data = struct.pack("!HHHH", source_port, port, 8 + len(MARK), 0) + MARK
    return ipv6(source, source_ip, 17, with_sum(data, 17, source_ip, "ff02::1", at=6))


def with_sum(data: bytes, protocol: int, source_ip: str, to_ip: str, *, at: int) -> bytes:
    pseudo = IPv6Address(source_ip).packed + IPv6Address(to_ip).packed + struct.pack("!II", len(data), protocol)
    return data[:at] + struct.pack("!H", checksum(pseudo + data)) + data[at + 2 :]


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
