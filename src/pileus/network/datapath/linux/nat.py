"""Rules of a router's namespace: floating IPs, SNAT, and the way to metadata. Pure text."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.network.datapath.base import Router
from pileus.network.datapath.linux import names
from pileus.network.datapath.linux.model import Link
from pileus.network.datapath.linux.ruleset import Chain, Rules, Set, Table, quoted

METADATA_PORT = 9697
FROM_OUTSIDE = "1"                          # mark of a packet that came in through the gateway


def router(tag: str, router: Router, inside: list[Link]) -> Rules:
    """The router's table."""
    redirect = f"iifname @inside ip daddr 169.254.169.254 tcp dport 80 redirect to :{METADATA_PORT}"
    # Only what was redirected may speak to the local port: nobody reaches it directly, from neither side.
    direct = f"tcp dport {METADATA_PORT} ct status & dnat == 0 drop"
    chains = {
        "to_router": Chain((direct,), "filter hook input priority 0"),
        "enter_router": Chain((redirect, "dnat ip to ip daddr map @by_floating"), "nat hook prerouting priority -100"),
    }
    if router.gateway:
        out = names.inner("qg-", router.gateway.port.id)
        chains |= {
            "from_outside": Chain((f'iifname "{out}" meta mark set {FROM_OUTSIDE}',), "filter hook prerouting priority -150"),
            # A packet that conntrack makes nothing of is not translated, and would carry an inside address out.
            "to_outside": Chain((f'oifname "{out}" ct state invalid drop',), "filter hook forward priority 0"),
            "leave_router": Chain(tuple(_source(router, out)), "nat hook postrouting priority 100"),
        }
    four = [one for one in router.floating_ips if router.gateway and ":" not in one.floating]
    sets = {
        "inside": Set("type ifname", quoted(link.name for link in inside)),
        "by_floating": Set("type ipv4_addr : ipv4_addr", {one.floating: one.fixed for one in four}),
        "by_fixed": Set("type ipv4_addr : ipv4_addr", {one.fixed: one.floating for one in reversed(four)}),
    }
    return Rules((Table(family="inet", name=names.table(tag), chains=chains, sets=sets),))


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
