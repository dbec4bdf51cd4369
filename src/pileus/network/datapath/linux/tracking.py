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
from pileus.network.datapath.linux.ruleset import Chain, Set, Table, quoted

REPLY, OPENER, BROKEN = "1", "2", "3"
ROUTED = "4"                                # on its way from an external network to the outside

STATE = (
    f"meta mark set {OPENER}",
    f"ct state invalid meta mark set {BROKEN}",
    f"ct state related meta mark set {REPLY}",
    f"ct state established ct direction reply meta mark set {REPLY}",
)


def table(wanted: HostNetworks, options: Options, zones: dict[str, int]) -> Table:
    inner = {names.bridge(network.id): zones[network.id] for network in wanted.networks if not network.physical}
    physical = sorted({network.physical for network in wanted.networks if network.physical})
    return Table(
        family="inet",
        name=names.table(options.tag),
        sets={
            "bridges": Set("type ifname", quoted([*inner, *physical])),
            "physical": Set("type ifname", quoted(physical)),
            "zones": Set("typeof iifname : ct zone", {f'"{bridge}"': str(zone) for bridge, zone in sorted(inner.items())}),
        },
        chains=HOOKS | dict(_outside(physical, options)),
    )


HOOKS = {
    "note_state": Chain(STATE),
    # Before defragmentation at -400, which keeps fragments apart by zone.
    "set_zone": Chain(("ct zone set iifname map @zones",), "filter hook prerouting priority -450"),
    "from_bridges": Chain(("iifname @bridges jump note_state",), "filter hook prerouting priority -150"),
    # What the host itself sends to a guest on an external network.
    "to_physical": Chain(("oifname @physical jump note_state",), "filter hook postrouting priority -150"),
}


def _outside(physical: list[str], options: Options) -> Iterator[tuple[str, Chain]]:
    """External networks whose gateway is this host reach what the host reaches, by its address. The mark says which packets:
    their source alone would not, another network may have the same."""
    routed = [bridge for bridge in physical if bridge in options.external_address]
    for bridge in routed:
        network = ip_interface(options.external_address[bridge]).network
        source = f"{'ip' if network.version == 4 else 'ip6'} saddr {network}"
        leaving = f'iifname "{bridge}" oifname != "{bridge}" {source} meta mark set {ROUTED}'
        yield f"leave-{bridge}", Chain((leaving,), "filter hook forward priority 10")
    if routed:
        yield "leave_host", Chain((f"meta mark {ROUTED} masquerade",), "nat hook postrouting priority 100")
