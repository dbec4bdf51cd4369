"""Gratuitous ARP: tells neighbours that an address has a (new) place, so that none waits for its cache to grow old."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import socket
import struct
from collections.abc import Iterable

ETH_P_ARP = 0x0806
BROADCAST = b"\xff" * 6
REQUEST, REPLY = 1, 2


def gratuitous_arp(addresses: Iterable[tuple[str, str, str]]) -> None:
    """Announce (device, MAC, IPv4 address) in the thread's namespace. Some listen to requests only, some to answers."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC) as raw:
        for device, mac, ip in addresses:
            for operation in (REQUEST, REPLY):
                raw.sendto(frame(operation, mac, ip), (device, ETH_P_ARP))


def frame(operation: int, mac: str, ip: str) -> bytes:
    ether, address = bytes.fromhex(mac.replace(":", "")), socket.inet_aton(ip)
    header = BROADCAST + ether + struct.pack("!H", ETH_P_ARP)
    return header + struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + ether + address + BROADCAST + address
