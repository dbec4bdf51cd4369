"""The rules engine of federation: what an identity provider says to who somebody is here."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.identity.federation.mapping import Domain, LocalGroup, MappingInvalid, NotMapped, apply, check

ANN = {"name": ["Ann"], "email": ["ann@x"], "groups": ["dev", "ops", "guests"], "kind": ["employee"]}


def mapped(local, *remote, version="1.0", said=ANN):
    rules = [{"local": local if isinstance(local, list) else [local], "remote": list(remote)}]
    check(rules, version)
    return apply(rules, version, said)


def test_values_go_where_the_placeholders_are():
    user = mapped({"user": {"name": "{0} <{1}>", "email": "{1}"}}, {"type": "name"}, {"type": "email"}).user
    assert (user.name, user.email, user.type) == ("Ann <ann@x>", "ann@x", "ephemeral")


@pytest.mark.parametrize(
    ("condition", "applies"),
    [
        ({"any_one_of": ["employee", "boss"]}, True),
        ({"any_one_of": ["boss"]}, False),
        ({"not_any_of": ["boss"]}, True),
        ({"not_any_of": ["employee"]}, False),
        ({"any_one_of": ["^emp"], "regex": True}, True),
        ({"any_one_of": ["^emp"]}, False),
        ({"not_any_of": ["loyee$"], "regex": True}, False),
    ],
)
def test_conditions(condition, applies):
    local, remotes = {"user": {"name": "{0}"}}, ({"type": "kind"} | condition, {"type": "name"})
    if applies:
        assert mapped(local, *remotes).user.name == "Ann"  # a condition gives no value
    else:
        with pytest.raises(NotMapped):
            mapped(local, *remotes)


@pytest.mark.parametrize(
    ("condition", "left"),
    [
        ({}, ["dev", "ops", "guests"]),
        ({"whitelist": ["ops", "dev", "x"]}, ["dev", "ops"]),
        ({"blacklist": ["guests"]}, ["dev", "ops"]),
        ({"whitelist": ["^o"], "regex": True}, ["ops"]),
        ({"blacklist": ["s$"], "regex": True}, ["dev"]),
    ],
)
def test_groups(condition, left):
    found = mapped({"groups": "{0}", "domain": {"id": "d"}}, {"type": "groups"} | condition)
    assert found.groups == tuple(LocalGroup(name=name, domain=Domain(id="d")) for name in left)
    assert mapped({"group_ids": "{0}"}, {"type": "groups"} | condition).group_ids == tuple(left)


def test_what_all_rules_say_is_put_together():
    rules = [
        {"local": [{"user": {"name": "{0}"}}, {"group": {"id": "g1"}}], "remote": [{"type": "name"}]},
        {"local": [{"user": {"name": "second"}}, {"group": {"name": "g2", "domain": {"name": "d"}}}], "remote": [{"type": "kind"}]},
        {"local": [{"group": {"id": "never"}}], "remote": [{"type": "absent"}]},
    ]
    check(rules, "1.0")
    found = apply(rules, "1.0", ANN)
    assert found.user.name == "Ann" and found.group_ids == ("g1",)
    assert found.groups == (LocalGroup(name="g2", domain=Domain(name="d")),)


def test_versions():
    local = {"user": {"name": "{0}"}, "domain": {"id": "d"}, "projects": [{"name": "p", "roles": [{"name": "reader"}]}]}
    assert mapped(local, {"type": "name"}).user.domain is None
    newer = mapped(local, {"type": "name"}, version="2.0")
    assert newer.user.domain == newer.projects[0].domain == Domain(id="d") and not newer.synced
    said = ANN | {"p": ['[{"name": "q", "roles": [{"name": "member"}], "domain": {"id": "e"}}]']}
    newest = mapped({"user": {"name": "{0}"}, "projects_json": "{1}"}, {"type": "name"}, {"type": "p"}, version="3.0", said=said)
    assert newest.synced and newest.projects[0].domain == Domain(id="e")
    with pytest.raises(NotMapped):
        mapped({"projects_json": "{0}"}, {"type": "name"}, version="3.0")


@pytest.mark.parametrize(
    "rules",
    [
        [],
        {},
        [{"local": [], "remote": []}],
        [{"local": [{}]}],
        [{"local": [{"user": {"nope": 1}}], "remote": [{"type": "x"}]}],
        [{"local": [{"user": {"type": "other"}}], "remote": [{"type": "x"}]}],
        [{"local": [{"group": {"id": "a", "name": "b"}}], "remote": [{"type": "x"}]}],
        [{"local": [{"group": {"name": "b"}}], "remote": [{"type": "x"}]}],
        [{"local": [{}], "remote": [{"type": "x", "any_one_of": ["a"], "whitelist": ["b"]}]}],
        [{"local": [{}], "remote": [{"type": "x", "regex": True}]}],
        [{"local": [{}], "remote": [{"type": "x", "any_one_of": ["("], "regex": True}]}],
        [{"local": [{}], "remote": [{"any_one_of": ["a"]}]}],
        [{"local": [{"projects": [{"name": "p", "roles": [], "domain": {"id": "d"}}]}], "remote": [{"type": "x"}]}],
        [{"local": [{"projects_json": "{0}"}], "remote": [{"type": "x"}]}],
    ],
)
def test_what_are_no_rules(rules):
    with pytest.raises(MappingInvalid):
        check(rules, "1.0")


def test_a_placeholder_without_a_value_maps_nobody():
    with pytest.raises(NotMapped):
        mapped({"user": {"name": "{1}"}}, {"type": "name"})
    with pytest.raises(NotMapped):
        mapped({"groups": "{0}"}, {"type": "groups"})  # no domain


@given(st.text())
def test_what_is_said_is_never_evaluated(said):
    """Names come through as they are: no formatting, no attribute access, no list where there is one value."""
    local = {"user": {"name": "{0}", "email": "x{0}y"}}
    user = mapped(local, {"type": "name"}, said={"name": [said]}).user
    assert user.name == said and user.email == f"x{said}y"


def test_a_value_that_looks_like_a_list_is_one_name():
    """It would get around the blacklist."""
    said = {"groups": ["['admin']"]}
    found = mapped({"groups": "{0}", "domain": {"id": "d"}}, {"type": "groups", "blacklist": ["admin"]}, said=said)
    assert [g.name for g in found.groups] == ["['admin']"]
    written = mapped({"groups": "['a', 'b']", "domain": {"id": "d"}}, {"type": "groups"}, said=said)
    assert [g.name for g in written.groups] == ["a", "b"]


def test_several_values_are_no_name():
    with pytest.raises(NotMapped):
        mapped({"user": {"name": "{0}"}}, {"type": "groups"})
