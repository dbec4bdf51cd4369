"""What a guest cannot pretend: frames made by hand, sent by one guest, seen or not seen by another."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys

from msgspec.structs import replace

from pileus.network.datapath.base import FixedIP, Group
from pileus.network.datapath.linux.spoof import link_local
from tests.network.datapath import states
from tests.network.datapath.linux import frames
from tests.network.datapath.linux.lab import Guest, Lab, needs_root
from tests.network.datapath.linux.test_guests import applied

pytestmark = needs_root

SENDER = """
import socket, sys
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
raw.bind(("eth0", 0))
for frame in sys.argv[1:]: raw.send(bytes.fromhex(frame))
"""
RECEIVER = """
import socket, sys
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
raw.settimeout(float(sys.argv[1]))
print("ready", flush=True)
try:
    while True:
        frame = raw.recv(4000)
        if b"pileus-test-frame" in frame: print(frame.hex(), flush=True)
        if b"the-last-frame" in frame: break
except TimeoutError: pass
"""


def arrive(sender: Guest, receiver: Guest, *sent: bytes) -> list[bytes]:
    """Which of the frames the receiver sees. An honest frame, the last, says that all have had their chance."""
    own = sender.port
    last = frames.arp(own.mac, own.mac, own.fixed_ips[0].ip).replace(frames.MARK, b"the-last-frame-is-here")
    watching = receiver.popen(sys.executable, "-c", RECEIVER, "5")
    assert watching.stdout and watching.stdout.readline() == b"ready\n"
    sender.run(sys.executable, "-c", SENDER, *(frame.hex() for frame in (*sent, last)))
    lines = watching.communicate()[0].decode().split()
    return [bytes.fromhex(line) for line in lines]


def pair(lab: Lab, groups: tuple[Group, ...] = (states.OPEN,), **fields) -> tuple[Guest, Guest]:
    wanted = states.host(1, guests=2, groups=groups)
    thief = replace(wanted.ports[0], fixed_ips=(*wanted.ports[0].fixed_ips, FixedIP(ip="fd00::10", prefix=64)), **fields)
    applied(lab, replace(wanted, ports=(thief, wanted.ports[1])))
    return lab.guest(thief), lab.guest(wanted.ports[1])


def test_honest_frames_pass(lab: Lab):
    sender, receiver = pair(lab)
    me, ip, local = sender.port.mac, "10.21.0.10", link_local(sender.port.mac)
    honest = [
        frames.arp(me, me, ip, operation=1),
        frames.arp(me, me, "0.0.0.0", operation=1),                     # a probe, before the address is taken
        frames.udp4(me, "0.0.0.0", 68, 67),
        frames.udp4(me, ip, 5000, 6000),
        frames.advertisement(me, local, local),
        frames.advertisement(me, "fd00::10", "fd00::10"),
        frames.udp6(me, "fd00::10", 546, 547),
    ]
    assert arrive(sender, receiver, *honest) == honest


def test_ossa_2021_001_and_2016_009_dishonest_frames_do_not(lab: Lab):
    sender, receiver = pair(lab)
    me, ip, local = sender.port.mac, "10.21.0.10", link_local(sender.port.mac)
    other, gateway = receiver.port.mac, "10.21.0.1"
    dishonest = [
        frames.arp(me, me, gateway),                                    # "the gateway is here"
        frames.arp(me, me, gateway, operation=1),
        frames.arp(me, other, ip),                                      # somebody else's MAC inside
        frames.arp(other, other, "10.21.0.11"),                         # somebody else altogether
        frames.udp4(me, gateway, 5000, 6000),
        frames.udp4(other, ip, 5000, 6000),
        frames.udp4(me, "0.0.0.0", 5000, 6000),
        frames.udp4(me, ip, 67, 68),                                    # a DHCP server
        frames.udp6(me, "fd00::10", 547, 546),
        frames.udp6(me, "fd00::99", 5000, 6000),
        frames.router_advertisement(me, local),
        frames.router_advertisement(me, "fd00::10"),
        *frames.fragmented_router_advertisement(me, local),
        frames.advertisement(me, local, "fe80::1"),                     # "the router is here"
        frames.advertisement(me, "fd00::10", "fd00::11"),
        frames.advertisement(me, "::", "fe80::1"),
        frames.ethernet(me, frames.BROADCAST, 0x8100, b"\0\1\x08\0" + frames.MARK),     # a VLAN of its own
        frames.ethernet(me, frames.BROADCAST, 0x88CC, frames.MARK),                     # LLDP
    ]
    assert arrive(sender, receiver, *dishonest) == []


def test_pairs_allow_what_they_say(lab: Lab):
    """OSSA-2021-004: a pair for one MAC and prefix opens nothing for another."""
    virtual = "00:00:5e:00:01:07"
    sender, receiver = pair(lab, allowed_pairs=((virtual, "10.21.0.200/32"), ("", "10.21.0.128/30")))
    me = sender.port.mac
    good = [
        frames.arp(virtual, virtual, "10.21.0.200"),
        frames.udp4(virtual, "10.21.0.200", 112, 112),
        frames.arp(me, me, "10.21.0.130"),
        frames.udp4(me, "10.21.0.131", 5000, 6000),
    ]
    bad = [
        frames.arp(me, me, "10.21.0.200"),
        frames.arp(virtual, virtual, "10.21.0.130"),
        frames.udp4(virtual, "10.21.0.10", 5000, 6000),
        frames.udp4(me, "10.21.0.132", 5000, 6000),
        frames.udp4(virtual, "10.21.0.200", 67, 68),
    ]
    assert arrive(sender, receiver, *good, *bad) == good


def test_without_port_security_everything_passes(lab: Lab):
    """What the tests above drop, they drop because of port security, not because it could not have arrived."""
    sender, receiver = pair(lab, security=False)
    receiver_open = [
        frames.arp(sender.port.mac, sender.port.mac, "10.21.0.1"),
        frames.udp4(sender.port.mac, "10.21.0.1", 67, 68),
        frames.router_advertisement(sender.port.mac, link_local(sender.port.mac)),
    ]
    assert arrive(sender, receiver, *receiver_open) == receiver_open
