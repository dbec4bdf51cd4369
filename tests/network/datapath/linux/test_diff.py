"""What is done leads from what is there to what is wanted, and touches nothing else. Pure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pileus.network.datapath.linux import diff
from pileus.network.datapath.linux.model import Link, Route, Space, Vxlan

NAMES = ["a", "b", "c", "d"]
ADDRESSES = ["10.0.0.1/24", "10.0.0.2/24", "fd00::1/64"]


@st.composite
def links(draw, name: str, owner: st.SearchStrategy[str]) -> Link:
    kind = draw(st.sampled_from(["bridge", "tap", "veth", "vxlan"]))
    return Link(
        name=name,
        kind=kind,
        alias=draw(owner),
        mtu=draw(st.sampled_from([1450, 1500])),
        mac=draw(st.sampled_from(["02:00:00:00:00:01", "02:00:00:00:00:02"])),
        master=None if kind == "bridge" else draw(st.sampled_from([None, "a", "b"])),
        up=draw(st.booleans()),
        filtered=kind == "bridge" and draw(st.booleans()),
        vxlan=Vxlan(id=draw(st.integers(1, 2)), local="192.0.2.1", port=4789) if kind == "vxlan" else None,
        flood=frozenset(draw(st.sets(st.sampled_from(["192.0.2.2", "192.0.2.3"])))) if kind == "vxlan" else frozenset(),
        addresses=frozenset(draw(st.sets(st.sampled_from(ADDRESSES)))),
    )


@st.composite
def spaces(draw, owner: st.SearchStrategy[str]) -> Space:
    found = {name: draw(links(name, owner)) for name in draw(st.sets(st.sampled_from(NAMES)))}
    routes = draw(st.sets(st.builds(Route, destination=st.sampled_from(["0.0.0.0/0", "10.9.0.0/16"]), via=st.just("10.0.0.9"))))
    return Space(links=found, routes=frozenset(routes))


mine = st.just("pileus:one:x")
anybody = st.sampled_from(["pileus:one:x", "pileus:two:x", ""])


def carried_out(have: Space, operations: list[diff.Operation]) -> Space:
    """A kernel of a few lines."""
    found, routes = dict(have.links), set(have.routes)
    for operation in operations:
        name = operation.link
        match operation:
            case diff.DeleteLink():
                del found[name]
                found = {key: replace(link, master=None) if link.master == name else link for key, link in found.items()}
            case diff.AddLink(new=link):
                assert name not in found
                found[name] = replace(link, master=None, up=False, addresses=frozenset(), flood=frozenset())
            case diff.SetLink(set=changes):
                assert changes.get("master") is None or changes["master"] in found
                found[name] = replace(found[name], **changes)
            case diff.Address(address=address, add=add):
                now = found[name].addresses
                found[name] = replace(found[name], addresses=now | {address} if add else now - {address})
            case diff.Flood(peer=peer, add=add):
                now = found[name].flood
                found[name] = replace(found[name], flood=now | {peer} if add else now - {peer})
            case diff.SetRoute(route=route, add=add):
                (routes.add if add else routes.discard)(route)
    return Space(links=found, routes=frozenset(routes))


def reached(have: Space, want: Space, tag: str | None) -> tuple[Space, list[diff.Operation]]:
    removed = diff.removals(have, want, tag)
    rest = carried_out(have, removed)
    assert diff.without(have, removed) == rest
    done = diff.changes(rest, want, tag, removed=bool(removed))
    return carried_out(rest, done), [*removed, *done]


def sound(want: Space) -> bool:
    """Masters that are there, and are bridges."""
    return all(link.master is None or want.links.get(link.master, link).kind == "bridge" for link in want.links.values()) and all(
        link.master is None or link.master in want.links for link in want.links.values()
    )


@settings(max_examples=100, deadline=None)
@given(have=spaces(mine), want=spaces(mine))
def test_it_gets_there_and_stays(have, want):
    assume(sound(want))
    there, _ = reached(have, want, None)
    assert (there.links, there.routes) == (want.links, want.routes)
    assert reached(there, want, None)[1] == []


@settings(max_examples=100, deadline=None)
@given(have=spaces(anybody), want=spaces(mine))
def test_what_is_of_others_is_not_touched(have, want):
    assume(sound(want))
    strangers = {name: link for name, link in have.links.items() if link.alias != "pileus:one:x"}
    assume(all(link.master is None or link.master not in have.links or link.master in strangers for link in strangers.values()))
    _, operations = reached(have, want, "one")
    touched = {operation.link for operation in operations if not isinstance(operation, diff.Refuse)}
    assert not touched & strangers.keys()
    assert {operation.link for operation in operations if isinstance(operation, diff.Refuse)} == strangers.keys() & want.links.keys()


def test_what_stays_is_not_touched_when_a_neighbour_comes():
    bridge = Link(name="a", kind="bridge", alias="pileus:one:n")
    tap = Link(name="b", kind="tap", alias="pileus:one:p", master="a")
    have, want = Space(links={"a": bridge}), Space(links={"a": bridge, "b": tap})
    assert diff.changes(have, want, "one") == [diff.AddLink(link="b", new=tap), diff.SetLink(link="b", set={"master": "a", "up": True})]


def test_routes_are_set_again_when_their_ground_shook():
    route = Route(destination="0.0.0.0/0", via="10.0.0.9")
    link = Link(name="a", kind="veth", addresses=frozenset({"10.0.0.1/24", "10.0.0.2/24"}))
    have = Space(links={"a": link}, routes=frozenset({route}))
    want = Space(links={"a": replace(link, addresses=frozenset({"10.0.0.1/24"}))}, routes=frozenset({route}))
    assert diff.SetRoute(route=route, add=True) in diff.changes(have, want, None)
    assert diff.changes(have, have, None) == []
