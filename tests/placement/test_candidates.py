"""Allocation candidates, held against a search that tries everything."""

from datetime import UTC, datetime
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.placement.candidates import Group, Wanted, candidates
from pileus.placement.forest import Forest, Node
from pileus.placement.model import SHARING, Provider, Stock

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CLASSES, TRAITS, AGGREGATES = ("VCPU", "DISK"), ("T1", "T2", SHARING), ("g1", "g2")


def node(id: str, parent: str | None, root: str, *, totals: dict[str, int], traits=(), aggregates=()) -> Node:
    stocks = {n: Stock(provider_id=id, resource_class=n, total=t, updated_at=NOW) for n, t in totals.items() if t}
    return Node(provider=Provider(id=id, name=id, parent_id=parent, root_id=root, created_at=NOW, updated_at=NOW), stocks=stocks,
                traits=frozenset(traits), aggregates=frozenset(aggregates))


some = st.frozensets(st.sampled_from(TRAITS[:2]), max_size=1)
sets = st.lists(st.frozensets(st.sampled_from(TRAITS[:2]), min_size=1, max_size=2), max_size=1).map(tuple)


@st.composite
def worlds(draw) -> dict[str, Node]:
    """Up to five providers in trees, some of them sharing."""
    nodes: dict[str, Node] = {}
    for n in range(draw(st.integers(2, 5))):
        parent = draw(st.sampled_from([*nodes, None]))
        root = nodes[parent].provider.root_id if parent else f"n{n}"
        nodes[f"n{n}"] = node(f"n{n}", parent, root, totals={c: draw(st.sampled_from([4, 2, 1, 0])) for c in CLASSES},
                              traits=draw(st.frozensets(st.sampled_from(TRAITS))),
                              aggregates=draw(st.frozensets(st.sampled_from(AGGREGATES), max_size=1)))
    return nodes


@st.composite
def groups(draw, suffix: str) -> Group:
    resources = draw(st.dictionaries(st.sampled_from(CLASSES), st.integers(1, 2), min_size=1))
    limits = [{}, {"required": draw(sets)}, {"forbidden": draw(some)}, {"member_of": (frozenset({"g1"}),)},
              {"not_member_of": frozenset({"g2"})}]
    return Group(suffix=suffix, resources=resources, **draw(st.sampled_from(limits)))


@st.composite
def requests(draw) -> Wanted:
    asked = draw(st.sampled_from([[""], ["_A"], ["_A", "_B"], ["", "_A"], ["", "_A", "_B"]]))
    named = [s for s in asked if s]
    subtree = (frozenset(named),) if len(named) == 2 and draw(st.booleans()) else ()
    root = draw(st.sampled_from([frozenset(), frozenset({"T1"})]))
    return Wanted(groups=tuple(draw(groups(s)) for s in asked), isolate=draw(st.booleans()), root_required=root, same_subtree=subtree)


def every_way(nodes: dict[str, Node], wanted: Wanted) -> set:
    """Each anchor × each provider for each class of the unnamed group × each provider for each named group, judged afterwards."""
    found = set()
    slots = [(g, name) for g in wanted.groups for name in (g.resources if not g.suffix else [""])]
    for anchor in {n.provider.root_id for n in nodes.values()}:
        for choice in product(nodes.values(), repeat=len(slots)):
            placed = list(zip(slots, choice, strict=True))
            if good(nodes, wanted, nodes[anchor], placed):
                found.add(shape((g.suffix, n.id, r, g.resources[r]) for (g, name), n in placed for r in ([name] if name else g.resources)))
    return found


def shape(entries) -> tuple:
    """Allocations and mappings, in a form that compares."""
    entries = list(entries)
    held: dict[tuple[str, str], int] = {}
    for _, id, name, amount in entries:
        held[id, name] = held.get((id, name), 0) + amount
    return tuple(sorted(held.items())), tuple(sorted({(suffix, id) for suffix, id, _, _ in entries}))


def good(nodes, wanted, anchor, placed) -> bool:
    tree = [n for n in nodes.values() if n.provider.root_id == anchor.id]
    shared_with = frozenset().union(*(n.aggregates for n in tree))
    if not wanted.root_required <= anchor.traits:
        return False
    held: dict[tuple[str, str], int] = {}
    for (group, name), n in placed:
        at_home = n.provider.root_id == anchor.id
        if not at_home and not (SHARING in n.traits and n.aggregates & shared_with):
            return False
        if n.traits & group.forbidden or n.aggregates & group.not_member_of:
            return False
        joined = all(a & n.aggregates for a in group.member_of)
        if not group.suffix:
            joined = joined or (at_home and all(a & anchor.aggregates for a in group.member_of))
            if anchor.aggregates & group.not_member_of:
                return False
        elif not all(any_of & n.traits for any_of in group.required):
            return False
        if not joined:
            return False
        for r in [name] if name else group.resources:
            held[n.id, r] = held.get((n.id, r), 0) + group.resources[r]
    if any(r not in nodes[id].stocks or amount > nodes[id].stocks[r].total for (id, r), amount in held.items()):
        return False
    unnamed = [n for (g, _), n in placed if not g.suffix]
    for group in (g for g in wanted.groups if not g.suffix):
        if not all(any(any_of & n.traits for n in unnamed) for any_of in group.required):
            return False
    named = {g.suffix: n for (g, _), n in placed if g.suffix}
    if wanted.isolate and len({n.id for n in named.values()}) < len(named):
        return False
    return all(one_above_all([named[s] for s in subtree], nodes) for subtree in wanted.same_subtree)


def one_above_all(chosen: list[Node], nodes: dict[str, Node]) -> bool:
    def is_above(top: Node, n: Node) -> bool:
        return top.id == n.id or (n.provider.parent_id is not None and is_above(top, nodes[n.provider.parent_id]))

    return any(all(is_above(top, n) for n in chosen) for top in chosen)


@settings(max_examples=250, deadline=None)
@given(worlds(), requests())
def test_finds_exactly_what_fits(nodes, wanted):
    found = candidates(Forest(nodes.values()), wanted, 100000)
    shapes = [(tuple(sorted(((id, r), a) for id, held in c.allocations.items() for r, a in held.items())),
               tuple(sorted((s, id) for s, ids in c.mappings.items() for id in ids))) for c in found]
    assert len(set(shapes)) == len(shapes)
    assert set(shapes) == every_way(nodes, wanted)


def test_limits():
    nodes = {f"n{i}": node(f"n{i}", None, f"n{i}", totals={"VCPU": 4}) for i in range(10)}
    wanted = Wanted(groups=(Group(resources={"VCPU": 1}),), limit=3)
    assert len(candidates(Forest(nodes.values()), wanted, 100)) == 3 and len(candidates(Forest(nodes.values()), wanted, 2)) == 2


def test_who_knows_nothing_of_trees_gets_one_provider_per_tree():
    nodes = {"host": node("host", None, "host", totals={"VCPU": 4}), "disk": node("disk", "host", "host", totals={"DISK": 4})}
    wanted = Wanted(groups=(Group(resources={"VCPU": 1, "DISK": 1}),))
    assert len(candidates(Forest(nodes.values()), wanted, 10)) == 1
    assert not candidates(Forest(nodes.values()), Wanted(groups=wanted.groups, nested=False), 10)


def test_a_group_without_resources_has_a_provider():
    nodes = {"host": node("host", None, "host", totals={"VCPU": 4}),
             "numa": node("numa", "host", "host", totals={}, traits=["T1"]), "nic": node("nic", "numa", "host", totals={"DISK": 1})}
    wanted = Wanted(groups=(Group(suffix="_N", required=(frozenset({"T1"}),)), Group(suffix="_P", resources={"DISK": 1})),
                    same_subtree=(frozenset({"_N", "_P"}),))
    [found] = candidates(Forest(nodes.values()), wanted, 10)
    assert found.mappings == {"_N": ["numa"], "_P": ["nic"]} and found.allocations == {"nic": {"DISK": 1}}
