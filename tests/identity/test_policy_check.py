"""`pileus policy check`."""

import pytest

from pileus.cli.policy import BadCaller, caller, check


@pytest.mark.parametrize(
    ("rule", "who", "target", "status"),
    [
        ("identity:list_users", "reader@system", [], 0),
        ("identity:list_users", "reader@project", [], 1),
        ("identity:list_users", "reader@domain:d", ["target.domain_id=d"], 0),
        ("identity:list_users", "reader@domain:d", ["target.domain_id=other"], 1),
        ("identity:create_domain", "admin@domain", [], 1),  # a domain's administrator is none of the cloud's
        ("identity:get_user", "member@project", ["target.user.id=the-user"], 0),
        ("no:such_rule", "admin@system", [], 2),
        ("identity:list_users", "admin", [], 2),
    ],
)
def test_the_exit_status_is_the_decision(capsys, tmp_path, rule, who, target, status):
    assert check(rule, as_=who, target=target, state=tmp_path) == status
    said = capsys.readouterr().out
    assert said.startswith({0: "allowed", 1: "denied", 2: "error"}[status])
    if status == 1 and not target and "list_users" in rule:
        assert "not given, so never equal to anything: target.domain_id" in said


def test_the_operators_rules_count(capsys, tmp_path):
    (tmp_path / "policy.d").mkdir()
    (tmp_path / "policy.d" / "a.yaml").write_text('"identity:list_users": "role:auditor"\n')
    (tmp_path / "pileus.toml").write_text(f'[api]\npolicy_folder = "{tmp_path}/policy.d"\n')
    assert check("identity:list_users", as_="auditor@project", state=tmp_path) == 0
    assert check("identity:list_users", as_="reader@system", state=tmp_path) == 1
    assert "by an override" in capsys.readouterr().out
    (tmp_path / "policy.d" / "b.yaml").write_text('"identity:list_users": "role:"nonsense\n')
    assert check("identity:list_users", as_="reader@system", state=tmp_path) == 2


def test_callers():
    assert caller("Member, service@project:p").roles == {"member", "service"}
    for bad in ("@system", "x@", "x@cloud", "x"):
        with pytest.raises(BadCaller):
            caller(bad)
