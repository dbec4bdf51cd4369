"""Names of what this datapath makes, and the mark of ownership.

Every link carries `pileus:<tag>:<id>` as its alias, a namespace carries it on its loopback device, nft tables are called
`pileus_<tag>`. So a cloud finds what is its own in the kernel itself, with nothing written down anywhere else.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import re

ID = 11                                     # how much of a UUID goes into a device's name
TAG = re.compile(r"[a-z][a-z0-9]{0,19}")

DHCP, ROUTER = "qdhcp-", "qrouter-"         # namespaces, followed by the network's or the router's id


def alias(tag: str, id: str, zone: int | None = None) -> str:
    """The mark on a link; a network's bridge also remembers the network's conntrack zone."""
    return f"pileus:{tag}:{id}" if zone is None else f"pileus:{tag}:{id}:{zone}"


def owner(text: str | None) -> str | None:
    """Whose the thing with this alias is: a tag, or None for a stranger's."""
    word, _, rest = (text or "").partition(":")
    return rest.partition(":")[0] if word == "pileus" else None


def zone_in(text: str | None) -> tuple[str, int] | None:
    """The network and its zone, when the alias is that of a network's bridge."""
    parts = (text or "").split(":")
    return (parts[2], int(parts[3])) if len(parts) == 4 and parts[0] == "pileus" and parts[3].isdigit() else None


def table(tag: str) -> str:
    return f"pileus_{tag}"


def bridge(network_id: str) -> str:
    return "brq" + network_id[:ID]


def bridge_mac(tag: str, network_id: str) -> str:
    """A MAC address of its own, or a bridge would take the lowest of its ports', and change it as they come and go."""
    return "02:" + hashlib.sha256(f"{tag}:{network_id}".encode()).digest()[:5].hex(":")


def tunnel(network_id: str) -> str:
    return "vxl-" + network_id[:ID]


def plug(port_id: str) -> str:
    """The host's end of a guest's veth pair has the tap's name; this is the end for the guest."""
    return "gst" + port_id[:ID]


def inner(prefix: str, port_id: str) -> str:
    """An interface inside one of our namespaces: `ns-` for DHCP, `qr-` a router's inside, `qg-` its outside."""
    return prefix + port_id[:ID]
