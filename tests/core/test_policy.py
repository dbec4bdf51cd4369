"""The policy compiler: the language, the names, the scopes, and a property test against a direct interpreter."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.core.context import Context
from pileus.core.errors import PolicyForbids
from pileus.core.policy import COMMON, BadRule, Default, Policy, load_all_overrides, load_overrides
from pileus.core.policy_rules import Always, And, Check, Not, Or, parse


class Who(msgspec.Struct, frozen=True, kw_only=True):
    user_id: str | None = "u1"
    user_domain_id: str | None = "d1"
    project_id: str | None = "p1"
    project_domain_id: str | None = "d1"
    domain_id: str | None = None
    system_scope: str | None = None
    roles: frozenset[str] = frozenset()
    is_admin: bool = False
    token: dict | None = None


def who(*roles, **facts):
    return Who(roles=frozenset(roles), **facts)


def allows(rule, who, target=None, **options):
    return Policy({"x": Default(rule)}, **options).check("x", who, target)


@pytest.mark.parametrize(("rule", "caller", "target", "allowed"), [
    ("", who(), None, True),
    ("@", who(), None, True),
    ("!", who("admin"), None, False),
    ([], who(), None, True),
    ([[]], who(), None, False),
    (["role:cook"], who("cook"), None, True),
    ([["role:cook", "role:baker"], ["role:smith"]], who("cook"), None, False),
    ([["role:cook", "role:baker"], ["role:smith"]], who("smith"), None, True),
    ("role:Cook", who("cook"), None, True),
    ("role:%(wanted)s", who("cook"), {"wanted": "COOK"}, True),
    ("role:%(wanted)s", who("cook"), {}, False),
    ("role:%(wanted)s", who("admin"), {"wanted": "reader"}, True),
    ("role:a or role:b and role:c", who("a"), None, True),
    ("(role:a or role:b) and role:c", who("a"), None, False),
    ("not role:a and role:b", who("b"), None, True),
    ("NOT (role:a OR role:b)", who("c"), None, True),
    ("user_id:%(user_id)s", who(), {"user_id": "u1"}, True),
    ("user_id:%(user_id)s", who(), {"user_id": "u2"}, False),
    ("user_id:%(user_id)s", who(), None, False),
    ("tenant_id:%(tenant_id)s", who(), {"tenant_id": "p1"}, True),
    ("project_id:%(target.server.project_id)s", who(), {"target.server.project_id": "p1"}, True),
    ("project_id:%(target.server.project_id)s", who(), {"target": {"server": {"project_id": "p1"}}}, True),
    ("project_id:%(target.server.project_id)s", who(), {"target": {"server": "p1"}}, False),
    ("project_id:%(project_id)s", who(project_id=None), {"project_id": None}, False),
    ("project_id:%(project_id)s", who(project_id=None), {"project_id": "None"}, False),
    ("domain_id:None", who(), None, True),
    ("user_id:u%(n)s", who(), {"n": 1}, True),
    ("'public':%(visibility)s", who(), {"visibility": "public"}, True),
    ("'public':%(visibility)s", who(), {"visibility": "shared"}, False),
    ("'a:b':%(x)s", who(), {"x": "a:b"}, True),
    ("True:%(shared)s", who(), {"shared": True}, True),
    ("None:%(domain)s", who(), {"domain": None}, True),
    ("None:%(domain)s", who(), {}, False),
    ("is_admin:1", who(is_admin=True), None, True),
    ("is_admin:True", who(is_admin=True), None, True),
    ("is_admin:1", who(), None, False),
    ("is_admin:False", who(), None, True),
    ("system_scope:all", who(system_scope="all"), None, True),
    ("system_scope:all", who(), None, False),
    ("token.project.tags:green", who(token={"project": {"tags": ["red", "green"]}}), None, True),
    ("token.project.tags:blue", who(token={"project": {"tags": ["red", "green"]}}), None, False),
    ("token.project.id:x", who(), None, False),
    ("nothing_here:x", who(), None, False),
    ("field:networks:shared=True", who(), {"shared": True}, True),
    ("field:networks:shared=True", who(), {"shared": False}, False),
    ("field:ports:device_owner=~^network:", who(), {"device_owner": "network:dhcp"}, True),
])
def test_language(rule, caller, target, allowed):
    assert allows(rule, caller, target) is allowed


@pytest.mark.parametrize("rule", [
    "role:a or", "and role:a", "role:a role:b", "(role:a", "role:a)", "()", "nonsense", "not", ":x", "role:a or nonsense",
    "user_id:%(x)d", "user_id:50%", "__class__:x", "http://server/rule", "field:x", "field:x:y=~(", 5, None, [["role:a", 5]], [5],
    "not " * 500 + "role:a", "(" * 500 + "role:a" + ")" * 500,
])
def test_what_cannot_be_understood_is_an_error_at_start(rule):
    with pytest.raises(BadRule, match="'x'"):
        Policy({"x": Default(rule)})


def test_cyclic_references_are_an_error_that_shows_the_circle():
    with pytest.raises(BadRule, match="a → b → c → a"):
        Policy({}, {"a": "rule:b", "b": "not rule:c", "c": "role:x or rule:a"})


def test_undefined_reference_is_an_error():
    with pytest.raises(BadRule, match="'a' refers to 'gone'"):
        Policy({"a": Default("role:x and rule:gone")})


def test_unknown_rule_denies_even_an_admin():
    policy = Policy({})
    assert policy.check("servers:fly", who("admin")) is False
    with pytest.raises(PolicyForbids) as raised:
        policy.enforce("servers:fly", who("admin"))
    assert raised.value.facts == {"rule": "servers:fly"}
    assert not policy.explain("servers:fly", who("admin")).allowed


@pytest.mark.parametrize(("scopes", "caller", "allowed"), [
    (None, who(system_scope="all"), True),
    (("project",), who(), True),
    (("project",), who(system_scope="all"), False),
    (("project",), who(project_id=None, domain_id="d1"), False),
    (("system", "project"), who(system_scope="all"), True),
    (("system",), who(), False),
    (("domain",), who(project_id=None, domain_id="d1"), True),
    ((), who(), False),
])
def test_scope_of_the_token_counts(scopes, caller, allowed):
    policy = Policy({"x": Default("@", scopes)})
    assert policy.check("x", caller) is allowed
    assert policy.explain("x", caller).allowed is allowed
    if not allowed:
        with pytest.raises(PolicyForbids):
            policy.enforce("x", caller)


def test_an_override_changes_the_rule_but_not_its_scopes():
    policy = Policy({"x": Default("!", ("system",))}, {"x": "@"})
    assert policy.check("x", who(system_scope="all"))
    assert not policy.check("x", who())


def test_default_roles_imply_each_other_downwards_only():
    ladder = ["admin", "manager", "member", "reader"]
    for has in ladder:
        for needs in ladder:
            assert allows(f"role:{needs}", who(has)) is (ladder.index(has) <= ladder.index(needs))
    assert not allows("role:reader", who("admin"), implied_roles={})


def test_implied_roles_may_form_a_circle():
    circle = {"a": ("b",), "b": ("c",), "c": ("a",)}
    assert all(allows(f"role:{needs}", who(has), implied_roles=circle) for needs in "abc" for has in "abc")


def test_common_rules():
    policy, own, foreign = Policy({}), {"project_id": "p1"}, {"project_id": "p2"}
    assert policy.check("project_reader_api", who("reader"), own)
    assert not policy.check("project_reader_api", who("reader"), foreign)
    assert not policy.check("project_member_api", who("reader"), own)
    assert policy.check("project_member_or_admin", who("admin"), foreign)
    assert not policy.check("project_member_or_admin", who("manager"), foreign)
    assert policy.check("system_admin", who("admin", system_scope="all"))
    assert not policy.check("system_admin", who("admin"))
    assert all(name in policy for name in COMMON)


def test_cve_2026_42999_target_is_never_written():
    target = {"user_id": "u2"}
    assert not allows("user_id:%(user_id)s", who(), target)
    assert target == {"user_id": "u2"}


def test_explain_shows_every_branch():
    policy = Policy({"x": Default("rule:admin_required or (role:member and project_id:%(project_id)s)")})
    told = str(policy.explain("x", who("member"), {"project_id": "p2"}))
    assert "no  role:admin" in told
    assert "yes role:member" in told
    assert "no  project_id:%(project_id)s" in told


def test_overrides_from_yaml(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text('"servers:index": "!"\nservers:show: ""\nhelper: role:h\nservers:stop: [["rule:helper"]]\nservers:typo: "@"\n')
    rules, unknown = load_overrides(path, {"servers:index", "servers:show", "servers:stop"})
    assert unknown == ("servers:typo",)
    policy = Policy({name: Default("role:admin") for name in ("servers:index", "servers:show", "servers:stop")}, rules)
    assert not policy.check("servers:index", who("admin"))
    assert policy.check("servers:show", who())
    assert policy.check("servers:stop", who("h"))


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", "1: '@'\n", "a: {b: c}\n", "a: 'role:x and'\n"])
def test_a_bad_override_file_is_an_error(tmp_path, text):
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(BadRule):
        load_overrides(path)


def test_an_empty_override_file_changes_nothing(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text("# nothing yet\n")
    assert load_overrides(path) == ({}, ())


LEAVES = st.one_of(
    st.builds(Always, st.booleans()),
    st.builds(Check, st.just("role"), st.sampled_from(["a", "B", "admin", "reader", "%(wanted)s"])),
    st.builds(Check, st.sampled_from(["user_id", "project_id", "tenant_id", "domain_id"]),
              st.sampled_from(["%(user_id)s", "%(owner.id)s", "u1", "%(missing)s"])),
    st.builds(Check, st.sampled_from(["'u1'", "None", "1"]), st.sampled_from(["%(user_id)s", "%(owner.id)s", "u1"])),
    st.builds(Check, st.just("rule"), st.sampled_from(["base", "other"])),
)
TREES = st.recursive(LEAVES, lambda inner: st.one_of(
    st.builds(Not, inner),
    st.builds(And, st.lists(inner, min_size=2, max_size=4).map(tuple)),
    st.builds(Or, st.lists(inner, min_size=2, max_size=4).map(tuple)),
), max_leaves=12)
BASE = {"base": "role:a or user_id:%(user_id)s", "other": "not rule:base"}
CALLERS = st.builds(Who, user_id=st.sampled_from(["u1", "u2", None]), project_id=st.sampled_from(["u1", "p1", None]),
                    domain_id=st.sampled_from([None, "u1"]), roles=st.frozensets(st.sampled_from(["a", "b", "admin", "member"])))
TARGETS = st.fixed_dictionaries({}, optional={
    "user_id": st.sampled_from(["u1", "u2", None, 1]), "wanted": st.sampled_from(["a", "B", "reader"]),
    "owner": st.fixed_dictionaries({"id": st.sampled_from(["u1", "p1"])}),
})
ABOVE = {"reader": {"reader", "member", "manager", "admin"}, "admin": {"admin"}, "a": {"a"}, "b": {"b"}}


def interpret(node, who, target):
    """What a rule means, told in the plainest way."""
    if isinstance(node, Always):
        return node.allowed
    if isinstance(node, Not):
        return not interpret(node.part, who, target)
    if isinstance(node, And):
        return all(interpret(part, who, target) for part in node.parts)
    if isinstance(node, Or):
        return any(interpret(part, who, target) for part in node.parts)
    if node.kind == "rule":
        return interpret(parse(BASE[node.match]), who, target)
    flat = {"user_id": target.get("user_id", KeyError), "wanted": target.get("wanted", KeyError),
            "owner.id": target.get("owner", {}).get("id", KeyError), "missing": KeyError}
    match = flat[node.match[2:-2]] if node.match.startswith("%") else node.match
    if match is KeyError:
        return False
    if node.kind == "role":
        return bool(ABOVE[match.lower()] & who.roles)
    if node.kind in ("'u1'", "None", "1"):
        return node.kind.strip("'") == str(match)
    have = getattr(who, node.kind.replace("tenant", "project"))
    return have is not None and match is not None and have == str(match)


@given(TREES, CALLERS, TARGETS)
def test_compiled_rules_decide_like_a_direct_interpreter(tree, caller, target):
    policy = Policy({"x": Default(str(tree))}, BASE)
    expected = interpret(tree, caller, target)
    assert policy.check("x", caller, target) is expected
    assert policy.explain("x", caller, target).allowed is expected


@given(TREES)
def test_printed_rules_parse_to_text_that_prints_the_same(tree):
    assert str(parse(str(tree))) == str(tree)


@given(st.text(alphabet="ab:()'%s !@or nd\"", max_size=40))
def test_any_text_compiles_or_is_a_bad_rule(text):
    try:
        policy = Policy({"x": Default(text)})
    except BadRule:
        return
    assert policy.check("x", who(), {}) in (True, False)


def test_keystones_paths_into_the_token_mean_the_callers_attributes():
    rules = {"x": Default("token.project.domain.id:%(target.domain.id)s or token.domain.id:%(target.domain.id)s")}
    policy, target = Policy(rules), {"target": {"domain": {"id": "d1"}}}
    assert policy.check("x", Context(project_id="p", project_domain_id="d1"), target)
    assert policy.check("x", Context(domain_id="d1"), target)
    assert not policy.check("x", Context(project_id="d1", project_domain_id="d2", user_domain_id="d1"), target)


def test_a_folder_of_overrides_is_taken_in_order_on_top_of_the_file(tmp_path):
    file, folder = tmp_path / "policy.yaml", tmp_path / "policy.d"
    folder.mkdir()
    file.write_text("a: role:file\nb: role:file\n")
    (folder / "10-first.yaml").write_text("b: role:first\nc: role:first\n")
    (folder / "20-second.json").write_text('{"c": "rule:helper", "helper": "role:second"}')
    (folder / "notes.txt").write_text("not: [a rule")
    rules, unknown = load_all_overrides(str(file), str(folder), {"a", "b"})
    assert rules == {"a": "role:file", "b": "role:first", "c": "rule:helper", "helper": "role:second"}
    assert unknown == ("c",)
    assert load_all_overrides("") == ({}, ())
    with pytest.raises(BadRule):
        load_all_overrides("", str(folder / "missing"))
    (folder / "30-bad.yaml").write_text("a: 'role:x and'\n")
    with pytest.raises(BadRule):
        load_all_overrides("", str(folder))
