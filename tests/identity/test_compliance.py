"""Security compliance: lockout, expiry, history, inactivity, and failed logins that are too many."""

import asyncio

import pytest

from tests.identity.booted import V3, booted
from tests.identity.test_projects import create

DAY = 86400


async def change(keystone, user: str, old: str, new: str) -> int:
    return (await keystone.anonymous.post(f"{V3}/users/{user}/password", {"user": {"original_password": old, "password": new}})).status


async def test_OSSA_2021_003_a_locked_account_answers_like_a_wrong_password(monkeypatch):
    """Row 26 of the list of advisories."""
    async with booted(lockout_failure_attempts=2, lockout_duration_s=60) as keystone:
        user, _ = await keystone.member("ann")
        wrong = [await keystone.auth("ann", "x") for _ in range(2)]
        locked, unknown = await keystone.auth("ann", "ann"), await keystone.auth("nobody", "ann")
        assert {(a.status, a.text) for a in (*wrong, locked, unknown)} == {(401, locked.text)}
        assert await change(keystone, user, "ann", "new") == 401
        await asyncio.sleep(61)
        assert (await keystone.auth("ann", "ann")).status == 201
        assert (await keystone.auth("ann", "x")).status == 401
        assert (await keystone.auth("ann", "ann")).status == 201  # a lock that has ended starts counting anew


async def test_a_locked_account_costs_as_much_as_a_wrong_password(monkeypatch):
    async with booted(lockout_failure_attempts=1) as keystone:
        await keystone.member("ann")
        await keystone.auth("ann", "x")
        work = []
        real = keystone.identity.passwords._verify
        monkeypatch.setattr(keystone.identity.passwords, "_verify", lambda *a: work.append(a) or real(*a))
        for name in ("ann", "nobody"):
            await keystone.auth(name, "x")
        assert len(work) == 2


@pytest.mark.parametrize("how", ["password", "enabled"])
async def test_an_administrator_opens_a_locked_account(how):
    async with booted(lockout_failure_attempts=1, lockout_duration_s=0) as keystone:
        user, _ = await keystone.member("ann")
        await keystone.auth("ann", "x")
        await asyncio.sleep(30 * DAY)
        assert (await keystone.auth("ann", "ann")).status == 401
        values = {"password": {"password": "ann"}, "enabled": {"enabled": True}}[how]
        assert (await (await keystone.as_()).patch(f"{V3}/users/{user}", {"user": values})).status == 200
        assert (await keystone.auth("ann", "ann")).status == 201


async def test_some_are_never_locked():
    async with booted(lockout_failure_attempts=1) as keystone:
        user, _ = await keystone.member("ann")
        await (await keystone.as_()).patch(f"{V3}/users/{user}", {"user": {"options": {"ignore_lockout_failure_attempts": True}}})
        await keystone.auth("ann", "x")
        assert (await keystone.auth("ann", "ann")).status == 201


async def test_failures_before_a_login_that_works_are_forgotten():
    async with booted(lockout_failure_attempts=2) as keystone:
        await keystone.member("ann")
        for _ in range(3):
            assert (await keystone.auth("ann", "x")).status == 401
            assert (await keystone.auth("ann", "ann")).status == 201


async def test_passwords_expire_and_only_who_knows_them_is_told():
    async with booted(password_expires_days=2) as keystone:
        admin = await keystone.as_()
        ann = await create(admin, "user", name="ann", password="ann")
        bob = await create(admin, "user", name="bob", password="bob", options={"ignore_password_expiry": True})
        assert ann["password_expires_at"] == "2026-01-03T00:00:00.000000Z" and bob["password_expires_at"] is None
        got = await keystone.auth("ann", "ann")
        assert got.json["token"]["user"]["password_expires_at"] == ann["password_expires_at"]
        await asyncio.sleep(2 * DAY)
        told, wrong = await keystone.auth("ann", "ann"), await keystone.auth("ann", "x")
        assert told.status == wrong.status == 401
        assert "expired" in told.json["error"]["message"] and "expired" not in wrong.json["error"]["message"]
        assert (await keystone.auth("bob", "bob")).status == 201
        assert (await keystone.auth()).status == 201  # what is part of the cloud's configuration does not expire
        assert await change(keystone, ann["id"], "ann", "new") == 204
        assert (await keystone.auth("ann", "new")).status == 201


async def test_a_password_that_an_administrator_chose_is_only_good_for_changing_it():
    async with booted(change_password_upon_first_use=True, minimum_password_age_days=1) as keystone:
        admin = await keystone.as_()
        ann = (await create(admin, "user", name="ann", password="ann"))["id"]
        assert "expired" in (await keystone.auth("ann", "ann")).json["error"]["message"]
        assert await change(keystone, ann, "ann", "new") == 204
        assert (await keystone.auth("ann", "new")).status == 201
        await create(admin, "user", name="bob", password="bob", options={"ignore_change_password_upon_first_use": True})
        assert (await keystone.auth("bob", "bob")).status == 201


async def test_users_do_not_choose_their_last_passwords_again():
    async with booted(unique_last_password_count=2) as keystone:
        ann = (await create(await keystone.as_(), "user", name="ann", password="one"))["id"]
        assert await change(keystone, ann, "one", "two") == 204
        for again in ("one", "two"):
            assert await change(keystone, ann, "two", again) == 400
        assert await change(keystone, ann, "two", "three") == 204
        assert await change(keystone, ann, "three", "one") == 204


async def test_users_wait_before_they_change_a_password_again():
    async with booted(minimum_password_age_days=1) as keystone:
        ann = (await create(await keystone.as_(), "user", name="ann", password="one"))["id"]
        assert await change(keystone, ann, "one", "two") == 400
        await asyncio.sleep(DAY)
        assert await change(keystone, ann, "one", "two") == 204
        assert await change(keystone, ann, "two", "three") == 400


async def test_passwords_are_as_the_expression_wants_them():
    async with booted(password_regex=r"^(?=.*\d).{7,}$", password_regex_description="7 characters and a digit") as keystone:
        admin = await keystone.as_()
        refused = await admin.post(f"{V3}/users", {"user": {"name": "ann", "password": "short"}})
        assert refused.status == 400 and "7 characters and a digit" in refused.json["error"]["message"]
        ann = (await create(admin, "user", name="ann", password="long-en0ugh"))["id"]
        assert (await admin.patch(f"{V3}/users/{ann}", {"user": {"password": "short"}})).status == 400
        assert await change(keystone, ann, "long-en0ugh", "short") == 400
        assert (await keystone.auth("ann", "long-en0ugh")).status == 201


async def test_who_does_not_log_in_for_long_is_disabled():
    async with booted(disable_user_account_days_inactive=10) as keystone:
        ann, _ = await keystone.member("ann")
        bob, _ = await keystone.member("bob")
        await keystone.auth(), await keystone.auth("ann", "ann"), await keystone.auth("bob", "bob")
        await (await keystone.as_()).patch(f"{V3}/users/{bob}", {"user": {"options": {"ignore_user_inactivity": True}}})
        await asyncio.sleep(9 * DAY)
        assert (await keystone.auth("ann", "ann")).status == 201
        assert (await keystone.auth()).status == 201
        await asyncio.sleep(10 * DAY)
        assert await keystone.identity.users.disable_inactive() == 1  # ann; there must be an administrator
        assert (await keystone.auth("ann", "ann")).status == 401
        assert (await keystone.auth("bob", "bob")).status == (await keystone.auth()).status == 201
        assert not (await keystone.identity.users.get(ann)).enabled
        await keystone.identity.users.update(ann, {"enabled": True})
        assert (await keystone.auth("ann", "ann")).status == 201


async def test_failed_logins_are_slowed_down_for_that_account_from_there_alike_whether_it_exists():
    async with booted(failed_logins_per_minute=3) as keystone:
        await keystone.member("ann")
        for name in ("ann", "nobody"):
            assert [(await keystone.auth(name, "x")).status for _ in range(5)] == [401] * 3 + [429] * 2
        refused = await keystone.auth("ann", "ann")
        assert refused.status == 429 and int(refused.headers["retry-after"]) <= 21
        assert (await keystone.auth()).status == 201  # others log in
        await asyncio.sleep(21)
        assert (await keystone.auth("ann", "ann")).status == 201


async def test_one_address_does_not_try_every_account():
    async with booted(failed_logins_per_minute=1) as keystone:
        assert [(await keystone.auth(f"user{n}", "x")).status for n in range(21)] == [401] * 20 + [429]


