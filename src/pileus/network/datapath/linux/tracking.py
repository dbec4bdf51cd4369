"""Rules of the host's IP layer: what conntrack says of bridged packets, zones, the way out of external networks. Pure text.

br_netfilter shows each bridged packet to `table inet` before the bridge decides. Here its mark is set: whether it is a
reply (or an error about a known flow), an opener's packet, or broken. Without br_netfilter there is no mark, and replies
are dropped: it fails closed.

Each network's packets are tracked in a zone of their own, so equal addresses on two networks never meet. Physical networks
share zone 0 with the host, because the host routes for them.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_interface

from pileus.network.datapath.base import HostNetworks
from pileus.network.datapath.linux import names
from pileus.network.datapath.linux.model import Options
from pileus.network.datapath.linux.ruleset import chain, quoted

REPLY, OPENER, BROKEN = "1", "2", "3"
ROUTED = "4"                                # on its way from an external network to the outside

CLASSIFY = (
    f"meta mark set {OPENER}",
    f"ct state invalid meta mark set {BROKEN}",
    f"ct state related meta mark set {REPLY}",
    f"ct state established ct direction reply meta mark set {REPLY}",
)


def table(wanted: HostNetworks, options: Options, zones: dict[str, int]) -> str:
    inner = {names.bridge(network.id): zones[network.id] for network in wanted.networks if not network.physical}
    physical = sorted({network.physical for network in wanted.networks if network.physical})
    judged = f"iifname {quoted([*inner, *physical])} jump note_state"
    parts = [chain("note_state", *CLASSIFY), chain("from_bridges", judged, hook="filter hook prerouting priority -150")]
    if inner:                               # before defragmentation at -400, which keeps fragments apart by zone
        zone = ", ".join(f'"{bridge}" : {zone}' for bridge, zone in sorted(inner.items()))
        parts.append(chain("set_zone", f"ct zone set iifname map {{ {zone} }}", hook="filter hook prerouting priority -450"))
    if physical:                            # what the host itself sends to a guest on an external network
        hook = "filter hook postrouting priority -150"
        parts.append(chain("to_physical", f"oifname {quoted(physical)} jump note_state", hook=hook))
    return "".join([*parts, *_outside(physical, options)])


def _outside(physical: list[str], options: Options) -> Iterator[str]:
    """External networks whose gateway is this host reach what the host reaches, by its address. The mark says which packets:
    their source alone would not, another network may have the same."""
    routed = [bridge for bridge in physical if bridge in options.external_address]
    for bridge in routed:
        network = ip_interface(options.external_address[bridge]).network
        source = f"{'ip' if network.version == 4 else 'ip6'} saddr {network}"
        leaving = f'iifname "{bridge}" oifname != "{bridge}" {source} meta mark set {ROUTED}'
        yield chain(f"leave-{bridge}", leaving, hook="filter hook forward priority 10")
    if routed:
        yield chain("leave_host", f"meta mark {ROUTED} masquerade", hook="nat hook postrouting priority 100")
