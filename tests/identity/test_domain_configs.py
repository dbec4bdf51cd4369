"""Configuration of single domains."""

from tests.identity.booted import V3, booted


async def _domain(admin, name="d"):
    made = (await admin.post(f"{V3}/domains", {"domain": {"name": name}})).json["domain"]
    return made["id"], f"{V3}/domains/{made['id']}/config"


async def test_whole_group_and_option(keystone):
    admin = await keystone.as_()
    _, path = await _domain(admin)
    assert (await admin.get(path)).status == 404
    config = {"identity": {"driver": "other", "list_limit": 7}, "ldap": {"url": "ldap://x"}}
    made = await admin.put(path, {"config": config})
    assert made.status == 201 and made.json["config"] == config == (await admin.get(path)).json["config"]
    assert (await admin.put(path, {"config": config})).status == 200
    assert (await admin.get(f"{path}/identity")).json["config"] == {"identity": config["identity"]}
    assert (await admin.get(f"{path}/identity/list_limit")).json["config"] == {"list_limit": 7}
    changed = await admin.patch(f"{path}/identity/list_limit", {"config": {"list_limit": 8}})
    assert changed.json["config"] == config | {"identity": {"driver": "other", "list_limit": 8}}
    changed = await admin.patch(f"{path}/ldap", {"config": {"ldap": {"suffix": "s"}}})
    assert changed.json["config"]["ldap"] == {"url": "ldap://x", "suffix": "s"}
    assert (await admin.delete(f"{path}/ldap/suffix")).status == 204
    assert (await admin.get(f"{path}/ldap/suffix")).status == 404
    assert (await admin.delete(f"{path}/ldap")).status == 204 and (await admin.get(f"{path}/ldap")).status == 404
    assert (await admin.delete(path)).status == 204 and (await admin.get(path)).status == 404


async def test_secrets_are_kept_but_never_shown(keystone):
    admin = await keystone.as_()
    domain, path = await _domain(admin)
    body = {"config": {"ldap": {"url": "ldap://x", "password": "hush-hush"}}}
    assert "hush" not in (await admin.put(path, body)).text + (await admin.get(path)).text
    for part in ("ldap", "ldap/password"):
        assert "hush" not in (await admin.get(f"{path}/{part}")).text
    configs = keystone.identity.domain_configs
    assert (await configs.effective(domain))["ldap"]["password"] == "hush-hush"
    keystone.identity.credential_keys.rotate()
    for _ in range(5):
        await keystone.identity.sealing.migrate()
        await keystone.identity.sealing.rotate()
    assert (await configs.effective(domain))["ldap"]["password"] == "hush-hush"
    stored = await keystone.kit.db.run_sync(lambda c: str(c.exec_driver_sql("select * from identity_domain_configs").all()))
    assert "hush" not in stored and "ldap://x" in stored


async def test_bad_input_changes_nothing(keystone):
    admin = await keystone.as_()
    _, path = await _domain(admin)
    good = {"identity": {"list_limit": 1}}
    await admin.put(path, {"config": good})
    for bad in ({}, {"nope": {"a": 1}}, {"ldap": {"nope": 1}}, {"ldap": {}}, {"ldap": 1}):
        assert (await admin.put(path, {"config": bad})).status == 403, bad
        assert (await admin.patch(path, {"config": bad})).status == 403, bad
    assert (await admin.patch(f"{path}/identity", {"config": {"ldap": {"url": "x"}}})).status == 403
    assert (await admin.patch(f"{path}/identity/driver", {"config": {"driver": "x"}})).status == 404
    assert (await admin.patch(f"{path}/ldap", {"config": {"ldap": {"url": "x"}}})).status == 404
    assert (await admin.get(f"{path}/nope")).status == 403
    assert (await admin.put(f"{V3}/domains/nope/config", {"config": good})).status == 404
    assert (await admin.get(path)).json["config"] == good


async def test_defaults(keystone):
    admin = await keystone.as_()
    whole = (await admin.get(f"{V3}/domains/config/default")).json["config"]
    assert whole["identity"] == {"driver": "sql", "list_limit": None} and "password" not in whole["ldap"]
    assert (await admin.get(f"{V3}/domains/config/ldap/default")).json["config"] == {"ldap": whole["ldap"]}
    for option, value in whole["ldap"].items():
        assert (await admin.get(f"{V3}/domains/config/ldap/{option}/default")).json["config"] == {option: value}


RULE, TEXT = r"^(?=.*\d).{7,}$", "7 characters and a digit"


async def test_everybody_may_read_what_passwords_must_be_like():
    path = f"{V3}/domains/default/config/security_compliance"
    async with booted(password_regex=RULE, password_regex_description=TEXT, lockout_failure_attempts=3) as keystone:
        await keystone.member("ann")
        for caller in (await keystone.as_("ann", "ann", project="ann"), await keystone.as_("ann", "ann", project=None),
                       await keystone.as_()):
            both = {"password_regex": RULE, "password_regex_description": TEXT}
            assert (await caller.get(path)).json == {"config": {"security_compliance": both}}
            for option, value in both.items():
                assert (await caller.get(f"{path}/{option}")).json == {"config": {option: value}}
                assert (await caller.request("HEAD", f"{path}/{option}")).status == 200
            for option in ("lockout_failure_attempts", "nope"):
                assert (await caller.get(f"{path}/{option}")).status == 403
        domain, _ = await _domain(await keystone.as_())
        assert (await caller.get(path.replace("default", domain))).status == 403
        assert (await caller.get(path.replace("default", "missing"))).status == 404
        assert (await keystone.anonymous.get(path)).status == 401


async def test_without_rules_there_are_none_to_read(keystone):
    got = await (await keystone.as_()).get(f"{V3}/domains/default/config/security_compliance")
    assert got.json["config"]["security_compliance"] == {"password_regex": None, "password_regex_description": None}
