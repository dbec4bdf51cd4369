"""Where a request comes from, as far as it can be believed: what failed logins are counted by.

Load balancers say in `X-Forwarded-For` whom they speak for. Everybody can say so; only those are believed that the
configuration names, each for the address it has seen itself, so that nobody gets a new address by writing one.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ipaddress
from collections.abc import Iterable

#: Who has one IPv6 address has all of its network.
_V6_PREFIX = 64

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Sources:
    """`proxies`: networks (CIDR) of those that are believed. Raises ValueError for what is no network."""

    def __init__(self, proxies: Iterable[str]):
        self.proxies = [ipaddress.ip_network(text, strict=False) for text in proxies]

    def of(self, peer: str | None, forwarded: str | None) -> str:
        """`peer` is at the other end of the connection, `forwarded` is X-Forwarded-For: the last address is the nearest one."""
        if not self.proxies and ":" not in (peer or ""):
            return peer or ""
        at = _address(peer or "")
        for text in reversed((forwarded or "").split(",")):
            if at is None or not any(at in network for network in self.proxies):
                break
            before = _address(text)
            if before is None:
                break
            at = before
        return _network(at) or peer or ""


def _address(text: str) -> Address | None:
    text = text.strip()
    if text.startswith("["):                                    # [2001:db8::1]:443
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:                                  # 192.0.2.1:443
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found


def _network(address: Address | None) -> str:
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, _V6_PREFIX), strict=False))
    return str(address) if address is not None else ""
