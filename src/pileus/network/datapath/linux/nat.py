"""Rules of a router's namespace: floating IPs, SNAT, and the way to metadata. Pure text."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.network.datapath.base import Router
from pileus.network.datapath.linux import names
from pileus.network.datapath.linux.model import Link
from pileus.network.datapath.linux.ruleset import chain, mapping, quoted, replace

METADATA_PORT = 9697
FROM_OUTSIDE = "1"                          # mark of a packet that came in through the gateway


def router(tag: str, router: Router, inside: list[Link]) -> str:
    """The router's table as one transaction."""
    interfaces = quoted(link.name for link in inside)
    redirect = f"iifname {interfaces} ip daddr 169.254.169.254 tcp dport 80 redirect to :{METADATA_PORT}"
    parts = [
        # Only what was redirected may speak to the local port: nobody reaches it directly, from neither side.
        chain("to_router", f"tcp dport {METADATA_PORT} ct status & dnat == 0 drop", hook="filter hook input priority 0"),
    ]
    arriving = [redirect] if inside else []
    if router.gateway:
        out = names.inner("qg-", router.gateway.port.id)
        four = [one for one in router.floating_ips if ":" not in one.floating]
        parts += [
            mapping("by_floating", "ipv4_addr : ipv4_addr", {one.floating: one.fixed for one in four}),
            mapping("by_fixed", "ipv4_addr : ipv4_addr", {one.fixed: one.floating for one in reversed(four)}),
            chain("from_outside", f'iifname "{out}" meta mark set {FROM_OUTSIDE}', hook="filter hook prerouting priority -150"),
            # A packet that conntrack makes nothing of is not translated, and would carry an inside address out.
            chain("to_outside", f'oifname "{out}" ct state invalid drop', hook="filter hook forward priority 0"),
            chain("leave_router", *_source(router, out), hook="nat hook postrouting priority 100"),
        ]
        arriving.append("dnat ip to ip daddr map @by_floating")
    parts.append(chain("enter_router", *arriving, hook="nat hook prerouting priority -100"))
    return replace({("inet", names.table(tag)): "".join(parts)})


def _source(router: Router, out: str) -> list[str]:
    """Source addresses of what leaves. Hairpins (a guest that speaks to a neighbour's floating IP) are translated as well,
    or the answer would go straight to the guest, from an address that it never spoke to."""
    assert router.gateway
    own = next((fixed.ip for fixed in router.gateway.port.fixed_ips if ":" not in fixed.ip), None)
    rules = [
        f"meta mark {FROM_OUTSIDE} accept",
        f'oifname != "{out}" ct status & dnat == 0 accept',
        "snat ip to ip saddr map @by_fixed",
    ]
    if own:
        hairpin = "" if router.gateway.snat else f'oifname != "{out}" '
        rules.append(f"{hairpin}meta nfproto ipv4 snat ip to {own}")
    return rules
