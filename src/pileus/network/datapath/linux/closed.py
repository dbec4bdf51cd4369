"""What is no longer allowed: the flows to end after the rules were loaded.

TCP needs no help: an opener's packets are judged by the rules as they are now, and without them a connection is dead. (Its
entry stays on purpose: a flow that conntrack has forgotten may be picked up in the middle, with the guest as its opener.)
One-way traffic in the direction of the answers would go on as long as its entry lives, so those entries are ended.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Iterator

from pileus.network.datapath.base import HostNetworks, Port, Router
from pileus.network.datapath.linux.conntrack import TCP, Flow
from pileus.network.datapath.linux.model import METADATA


def narrowed(before: HostNetworks | None, after: HostNetworks) -> Iterator[Port]:
    """Ports that may do less than before. With nothing known of before: all that are secured."""
    secured = [port for port in after.ports if port.security or not port.up]
    if before is None:
        yield from secured
        return
    was = {port.id: port for port in before.ports}
    shrunk = _shrunk(before, after)
    for port in secured:
        old = was.get(port.id)
        if old and (
            (old.up and not port.up)
            or (port.security and not old.security)
            or set(old.groups) - set(port.groups)
            or set(port.groups) & shrunk
            or set(old.allowed_pairs) - set(port.allowed_pairs)
        ):
            yield port


def _shrunk(before: HostNetworks, after: HostNetworks) -> set[str]:
    """Groups that lost a rule, or whose rules name a group that lost a member."""
    members = {id for id, ips in before.members.items() if set(ips) - set(after.members.get(id, ()))}
    rules = {group.id: set(group.rules) for group in after.groups}
    return {
        group.id
        for group in before.groups
        if set(group.rules) - rules.get(group.id, set()) or any(rule.remote_group in members for rule in group.rules)
    }


def of_ports(ports: list[Port], zones: dict[str, int]) -> Callable[[Flow], bool]:
    """Whether a flow is one of the ports', and would go on by itself."""
    theirs = {(zones.get(port.network_id, 0), fixed.ip) for port in ports for fixed in port.fixed_ips}

    def judge(flow: Flow) -> bool:
        return flow.protocol != TCP and ((flow.zone, flow.source) in theirs or (flow.zone, flow.destination) in theirs)

    return judge


def of_router(router: Router) -> Callable[[Flow], bool]:
    """Whether a flow is translated otherwise than the router would translate it now."""
    floating = {one.floating: one.fixed for one in router.floating_ips}
    fixed = {one.fixed: one.floating for one in reversed(router.floating_ips)}
    own = {address.ip for address in router.gateway.port.fixed_ips} if router.gateway else set()

    def judge(flow: Flow) -> bool:
        if flow.destination == METADATA:
            return False
        if flow.destination != flow.answer_source and floating.get(flow.destination) != flow.answer_source:
            return True                     # it was sent on to a guest that no longer has that floating IP
        # A guest that got a floating IP keeps the connections that it opened before, from the router's own address.
        return flow.source != flow.answer_destination and flow.answer_destination not in own | {fixed.get(flow.source)}

    return judge
