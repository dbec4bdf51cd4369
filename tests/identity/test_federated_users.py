"""Whom of identity providers a user is, set by administrators, and lists by it; lists by when passwords expire."""

import pytest

from tests.identity.booted import V3, booted
from tests.identity.test_federation import FED, login, setup
from tests.identity.test_projects import create, names

USERS = f"{V3}/users"


@pytest.fixture
def fronted():
    return booted(trusted_proxies=("127.0.0.0/8",))


async def provider(admin, id: str, *protocols: str) -> None:
    assert (await admin.put(f"{FED}/identity_providers/{id}", {"identity_provider": {"enabled": True}})).status == 201
    rules = [{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "REMOTE_USER"}]}]
    await admin.put(f"{FED}/mappings/m", {"mapping": {"rules": rules}})
    for protocol in protocols:
        path = f"{FED}/identity_providers/{id}/protocols/{protocol}"
        assert (await admin.put(path, {"protocol": {"mapping_id": "m"}})).status == 201


def federated(idp: str, **ids: str) -> dict:
    return {"idp_id": idp, "protocols": [{"protocol_id": p, "unique_id": u} for p, u in ids.items()]}


async def test_administrators_say_whom_a_user_is(keystone):
    admin = await keystone.as_()
    await provider(admin, "corp", "saml2", "openid")
    await provider(admin, "school", "openid")
    who = [federated("corp", openid="7", saml2="ann@corp"), federated("school", openid="ann")]
    made = await create(admin, "user", name="ann", federated=who)
    one = f"{USERS}/{made['id']}"
    assert made["federated"] == who == (await admin.get(one)).json["user"]["federated"]
    for change in ({"name": "anna"}, {"federated": []}):
        assert (await admin.patch(one, {"user": change})).json["user"]["federated"] == who, "what is not named stays"
    other = [federated("corp", saml2="anna")]
    assert (await admin.patch(one, {"user": {"federated": other}})).json["user"]["federated"] == other
    plain = await create(admin, "user", name="bob", federated=[])
    assert "federated" not in plain and "federated" not in (await admin.get(f"{USERS}/{plain['id']}")).json["user"]
    again = await create(admin, "user", name="carol", federated=[federated("school", openid="ann")])
    assert again["federated"], "what one has let go is another's to have"


async def test_bad_input_changes_nothing(keystone):
    admin = await keystone.as_()
    await provider(admin, "corp", "saml2")
    first = await create(admin, "user", name="ann", federated=[federated("corp", saml2="a")])
    before = await names(admin, "", "users")
    for bad, status in (
        ([federated("nowhere", saml2="x")], 400),
        ([federated("corp", openid="x")], 400),
        ([federated("corp")], 400),
        ([{"idp_id": "corp"}], 400),
        ([federated("corp", saml2="")], 400),
        ([federated("corp", saml2="x" * 256)], 400),
        ("corp", 400),
        ([federated("corp", saml2="a")], 409),
        ([federated("corp", saml2="b"), federated("corp", saml2="b")], 409),
    ):
        got = await admin.post(USERS, {"user": {"name": "bob", "federated": bad}})
        assert got.status == status, (bad, got.text)
        if status == 400:
            assert (await admin.patch(f"{USERS}/{first['id']}", {"user": {"federated": bad}})).status == status
    assert await names(admin, "", "users") == before
    assert (await admin.get(f"{USERS}/{first['id']}")).json["user"]["federated"] == first["federated"]


async def test_lists_by_whom_they_are(keystone):
    admin = await keystone.as_()
    await provider(admin, "corp", "saml2", "openid")
    await provider(admin, "school", "openid")
    await create(admin, "user", name="ann", federated=[federated("corp", saml2="1"), federated("school", openid="2")])
    await create(admin, "user", name="bob", federated=[federated("corp", openid="2")])
    await create(admin, "user", name="carol")
    for query, found in (
        ("?idp_id=corp", ["ann", "bob"]),
        ("?idp_id=school", ["ann"]),
        ("?protocol_id=openid", ["ann", "bob"]),
        ("?unique_id=2", ["ann", "bob"]),
        ("?idp_id=corp&unique_id=2", ["bob"]),
        ("?idp_id=corp&protocol_id=saml2&unique_id=2", []),
        ("?idp_id=corp&name=ann", ["ann"]),
        ("?idp_id=nowhere", []),
        ("?idp_id=corp&limit=10", ["ann", "bob"]),
    ):
        assert sorted(await names(admin, query, "users")) == found, query


async def test_somebody_known_beforehand_is_who_logs_in(fronted):
    admin = await fronted.as_()
    await setup(admin)
    made = await create(admin, "user", name="known", domain_id="default", federated=[federated("corp", saml2="Ann")])
    got = await login(fronted)
    assert got.status == 201 and got.json["token"]["user"]["id"] == made["id"]
    assert got.json["token"]["user"]["OS-FEDERATION"]["identity_provider"] == {"id": "corp"}


async def test_a_password_beside_it_is_a_login_of_its_own(fronted):
    """Its token says nothing of the provider and does not end with it; the provider's does."""
    admin = await fronted.as_()
    await setup(admin)
    await create(admin, "user", name="both", domain_id="default", password="both", federated=[federated("corp", saml2="Ann")])
    by_password = await fronted.auth("both", "both", scope="unscoped")
    assert "OS-FEDERATION" not in by_password.json["token"]["user"]
    by_provider = await login(fronted)
    tokens = [got.headers["x-subject-token"] for got in (by_password, by_provider)]
    assert (await admin.patch(f"{FED}/identity_providers/corp", {"identity_provider": {"enabled": False}})).status == 200
    assert [await fronted.works(token) for token in tokens] == [True, False]


async def test_who_is_somebody_else_now_has_no_token_of_before(fronted):
    admin = await fronted.as_()
    await setup(admin)
    made = await create(admin, "user", name="both", domain_id="default", federated=[federated("corp", saml2="Ann")])
    token = (await login(fronted)).headers["x-subject-token"]
    await admin.patch(f"{USERS}/{made['id']}", {"user": {"federated": [federated("corp", saml2="bob")]}})
    assert not await fronted.works(token)


@pytest.mark.parametrize("where", ["/users", "/groups/{}/users"])
async def test_lists_by_when_passwords_expire(where):
    async with booted(password_expires_days=1) as keystone:
        admin = await keystone.as_()
        group = (await create(admin, "group", name="g"))["id"]
        users = [await create(admin, "user", name="ann", password="ann"), await create(admin, "user", name="bob")]
        for user in users:
            assert (await admin.put(f"{V3}/groups/{group}/users/{user['id']}")).status == 204
        at, path = "2026-01-02T00:00:00.000000Z", where.format(group)[1:]
        assert users[0]["password_expires_at"] == at and users[1]["password_expires_at"] is None

        async def listed(condition: str) -> list[str]:
            got = await admin.get(f"{V3}/{path}?password_expires_at={condition}")
            assert got.status == 200, got.text
            return [u["name"] for u in got.json["users"]]

        for condition, found in (
            (at, True), (f"eq:{at}", True), (f"neq:{at}", False), ("lt:2026-01-02T00:00:01Z", True), (f"lt:{at}", False),
            (f"lte:{at}", True), (f"gt:{at}", False), (f"gte:{at}", True), ("gt:2026-01-01T23:59:59Z", True),
            ("gt:2026-01-02T01:00:00%2B02:00", True),
        ):
            assert await listed(condition) == (["ann"] if found else []), condition
        for bad in ("soon", "lt:soon", "before:2026-01-01T00:00:00Z", "", "lt:", "<:2026-01-01T00:00:00Z"):
            assert (await admin.get(f"{V3}/{path}?password_expires_at={bad}")).status == 400, bad


async def test_a_domains_manager_claims_nobody_of_anothers_provider(keystone):
    """Else their user would get the groups and roles that the provider's people bring along."""
    admin = await keystone.as_()
    await provider(admin, "corp", "saml2")
    theirs = (await create(admin, "domain", name="theirs"))["id"]
    made = await admin.put(f"{FED}/identity_providers/own", {"identity_provider": {"enabled": True, "domain_id": theirs}})
    assert made.status == 201
    assert (await admin.put(f"{FED}/identity_providers/own/protocols/saml2", {"protocol": {"mapping_id": "m"}})).status == 201
    boss = (await create(admin, "user", name="boss", domain_id=theirs, password="boss"))["id"]
    await keystone.identity.assign_role("manager", user_id=boss, domain_id=theirs)
    manager = await keystone.as_("boss", "boss", domain="theirs", scope={"domain": {"id": theirs}})
    plain = await create(manager, "user", name="x", domain_id=theirs)
    one = f"{USERS}/{plain['id']}"
    for wanted, status in (([federated("corp", saml2="ceo")], 403), ([federated("own", saml2="a"), federated("corp", saml2="ceo")], 403)):
        got = await manager.post(USERS, {"user": {"name": "y", "domain_id": theirs, "federated": wanted}})
        assert got.status == (await manager.patch(one, {"user": {"federated": wanted}})).status == status, got.text
    assert "federated" not in (await manager.get(one)).json["user"] and await names(manager, "?name=y", "users") == []
    own = [federated("own", saml2="a")]
    assert (await manager.patch(one, {"user": {"federated": own}})).json["user"]["federated"] == own
