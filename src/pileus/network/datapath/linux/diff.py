"""What has to be done to a namespace so that it becomes what is wanted: an ordered list of operations. Pure.

Removals come first, then what is new, then what changed. What stays is not touched.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Container, Iterator

import msgspec

from pileus.network.datapath.linux import names
from pileus.network.datapath.linux.model import Link, Route, Space


class Operation(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One change; `link` is the device that it is about."""

    link: str = ""


class DeleteLink(Operation, frozen=True, kw_only=True, tag=True):
    pass


class AddLink(Operation, frozen=True, kw_only=True, tag=True):
    new: Link


class SetLink(Operation, frozen=True, kw_only=True, tag=True):
    """Attributes to change: mtu, mac, master (empty: none), up, filtered."""

    set: dict[str, object]


class Address(Operation, frozen=True, kw_only=True, tag=True):
    address: str
    add: bool


class Flood(Operation, frozen=True, kw_only=True, tag=True):
    peer: str
    add: bool


class SetRoute(Operation, frozen=True, kw_only=True, tag=True):
    route: Route
    add: bool


class Refuse(Operation, frozen=True, kw_only=True, tag=True):
    """The name is taken by something that is not ours."""


def removals(have: Space, want: Space, tag: str | None, lost: Container[str] = ()) -> list[Operation]:
    """Devices that are not wanted, or not like this, or `lost`. Only those of the cloud `tag`; None: all are ours."""
    gone = [name for name, link in have.links.items()
            if _ours(link, tag) and (name in lost or _replaced(link, want.links.get(name)))]
    return [DeleteLink(link=name) for name in gone]


def without(have: Space, removed: list[Operation]) -> Space:
    """The namespace after the removals. What was plugged into a bridge that went is plugged into nothing."""
    gone = {operation.link for operation in removed}
    stay = (link for name, link in have.links.items() if name not in gone)
    links = (msgspec.structs.replace(link, master=None) if link.master in gone else link for link in stay)
    return msgspec.structs.replace(have, links={link.name: link for link in links})


def changes(have: Space, want: Space, tag: str | None, *, removed: bool = False) -> list[Operation]:
    """Everything that comes after the removals. The kernel drops routes together with a device or an address that they need,
    so all of them are set again after such a removal."""
    links = list(_links(have, want, tag))
    shaken = removed or any(isinstance(one, Address) and not one.add for one in links)
    return [*links, *_routes(have.routes, want.routes, again=shaken)]


def _links(have: Space, want: Space, tag: str | None) -> Iterator[Operation]:
    # Bridges before what is plugged into them.
    for link in sorted(want.links.values(), key=lambda link: link.master is not None):
        there = have.links.get(link.name)
        if there is None:
            yield AddLink(link=link.name, new=link)
            there = msgspec.structs.replace(link, master=None, up=False, addresses=frozenset(), flood=frozenset())
        elif not _ours(there, tag):
            yield from _stranger(there, link)
            continue
        yield from _change(there, link)


def _change(there: Link, link: Link) -> Iterator[Operation]:
    name = link.name
    different = {
        field: getattr(link, field)
        for field in ("alias", "mtu", "mac", "filtered", "master", "up")
        if getattr(link, field) != getattr(there, field) and not (field == "mac" and link.mac is None)
    }
    # Addresses before it is up, so that whoever hears of it can already ask it.
    yield from (Address(link=name, address=one, add=False) for one in sorted(there.addresses - link.addresses))
    yield from (Address(link=name, address=one, add=True) for one in sorted(link.addresses - there.addresses))
    yield from (Flood(link=name, peer=peer, add=False) for peer in sorted(there.flood - link.flood))
    yield from (Flood(link=name, peer=peer, add=True) for peer in sorted(link.flood - there.flood))
    if different:
        yield SetLink(link=name, set=different)


def _stranger(there: Link, link: Link) -> Iterator[Operation]:
    """Somebody else's bridge may be a physical network; all it needs from us is that its packets are filtered."""
    if not (link.adopt and there.kind == "bridge"):
        yield Refuse(link=link.name)
    elif not there.filtered:
        yield SetLink(link=link.name, set={"filtered": True})


def _routes(have: frozenset[Route], want: frozenset[Route], *, again: bool) -> Iterator[Operation]:
    yield from (SetRoute(route=route, add=False) for route in sorted(have - want, key=_by_destination))
    yield from (SetRoute(route=route, add=True) for route in sorted(want if again else want - have, key=_by_destination))


def _by_destination(route: Route) -> tuple[str, str]:
    return route.destination, route.via


def _ours(link: Link, tag: str | None) -> bool:
    return tag is None or names.owner(link.alias) == tag


def _replaced(there: Link, link: Link | None) -> bool:
    """Whether the device has to go: it is not wanted, or is of a kind that cannot be changed into what is."""
    return link is None or (there.kind, there.vxlan) != (link.kind, link.vxlan)
