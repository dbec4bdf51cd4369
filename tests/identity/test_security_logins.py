"""Guessing passwords: what an answer, its time, many at once and many addresses tell or gain.

Rows 26 and 28 of the list of advisories, and failed logins by account and address; more in test_compliance and test_passwords.
"""

import asyncio
import threading

import pytest

from pileus.identity.sources import Sources
from tests.harness import Caller
from tests.identity.booted import V3, booted
from tests.identity.test_application_credentials import make, use
from tests.identity.test_projects import create


def counted(keystone, monkeypatch) -> list:
    """How often a password is really hashed."""
    work, hasher = [], keystone.identity.passwords
    real = hasher._verify
    monkeypatch.setattr(hasher, "_verify", lambda *a: work.append(a) or real(*a))
    return work


@pytest.mark.parametrize("shut", ["locked", "disabled", "domain disabled", "no password", "unknown", "open"])
async def test_OSSA_2021_003_a_shut_account_never_tells_the_right_password(monkeypatch, shut):
    """Row 26: right and wrong are refused alike after the same work, though the right one was seen before and is remembered."""
    async with booted(lockout_failure_attempts=2, lockout_duration_s=0) as keystone:
        admin = await keystone.as_()
        domain = (await create(admin, "domain", name="d"))["id"]
        user = (await create(admin, "user", name="ann", password="ann", domain_id=domain))["id"]
        assert (await keystone.auth("ann", "ann", domain="d")).status == 201
        if shut == "locked":
            for _ in range(2):
                await keystone.auth("ann", "x", domain="d")
        elif shut == "domain disabled":
            await admin.patch(f"{V3}/domains/{domain}", {"domain": {"enabled": False}})
        elif shut in ("disabled", "no password"):
            change = {"enabled": False} if shut == "disabled" else {"password": None}
            assert (await admin.patch(f"{V3}/users/{user}", {"user": change})).status == 200
        name, told = "bob" if shut == "unknown" else "ann", set()
        work = counted(keystone, monkeypatch)
        for password in ("x", "y") if shut == "open" else ("x", "ann"):
            for log_in in (
                keystone.auth(name, password, domain="d"),
                keystone.login({"methods": ["password"], "password": {"user": {
                    "id": user if name == "ann" else "0" * 32, "password": password}}}),
                keystone.anonymous.post(f"{V3}/users/{user if name == 'ann' else '0' * 32}/password",
                                        {"user": {"original_password": password, "password": "new"}}),
            ):
                before = len(work)
                got = await log_in
                told.add((got.status, got.text, len(work) - before))
                assert user not in got.text
        assert len(told) == 1 and {t[0] for t in told} == {401} and {t[2] for t in told} == {1}


async def test_OSSA_2021_003_application_credentials_that_are_over_tell_nothing(keystone, monkeypatch):
    """Row 26: neither that there is one, nor that the secret is right."""
    user, _ = await keystone.member("ann")
    ann = await keystone.as_("ann", "ann", project="ann")
    made = await make(ann, user, expires_at="2026-01-01T00:10:00")
    assert (await use(keystone, made)).status == 201
    await asyncio.sleep(601)
    work = counted(keystone, monkeypatch)
    told = set()
    for given in (made, made | {"secret": "x"}, made | {"id": "0" * 32}):
        before = len(work)
        got = await use(keystone, given)
        told.add((got.status, got.text, len(work) - before))
    assert len(told) == 1 and told.pop()[0] == 401


async def test_CVE_2014_2828_a_method_that_is_named_a_thousand_times_is_looked_at_once(keystone, monkeypatch):
    """Row 28: nor is a password hashed before the request makes sense."""
    work = counted(keystone, monkeypatch)
    who = {"user": {"name": "admin", "domain": {"id": "default"}, "password": "wrong"}}
    assert (await keystone.login({"methods": ["password"] * 10_000, "password": who})).status == 401
    assert len(work) == 1
    assert (await keystone.login({"methods": ["password", "nonsense"], "password": who})).status == 401
    assert (await keystone.login({"methods": ["password", "token"], "password": who})).status == 400
    assert len(work) == 1


@pytest.mark.parametrize("length", [4097, 500_000, 1_048_000])
async def test_OSSA_2012_002_very_long_secrets_cost_no_more_than_a_wrong_one(keystone, monkeypatch, length):
    """Row 28: wherever one is offered or set."""
    user, _ = await keystone.member("ann")
    ann = await keystone.as_("ann", "ann", project="ann")
    made = await make(ann, user)
    work, long = counted(keystone, monkeypatch), "p" * length
    assert (await keystone.auth("ann", long)).status == 401
    assert (await keystone.auth(long, "ann")).status == 401
    assert (await use(keystone, made, secret=long)).status == 401
    change = {"user": {"original_password": long, "password": "new"}}
    assert (await keystone.anonymous.post(f"{V3}/users/{user}/password", change)).status == 401
    assert all(len(data) <= 4096 for data, _ in work)
    change = {"user": {"original_password": "ann", "password": long}}
    assert (await keystone.anonymous.post(f"{V3}/users/{user}/password", change)).status == 400
    wanted = {"application_credential": {"name": "long", "secret": long}}
    assert (await ann.post(f"{V3}/users/{user}/application_credentials", wanted)).status == 400
    assert (await keystone.auth("ann", "ann")).status == 201


async def test_somebody_else_is_not_locked_out_and_cannot_lock_the_cloud():
    """Failures are of an account and an address: who fails from one keeps nobody out at another."""
    async with booted(failed_logins_per_minute=3, forwarding_proxies=("127.0.0.0/8",)) as keystone:
        await keystone.member("ann")

        async def log_in(password: str, source: str, name: str = "ann") -> int:
            keystone.anonymous = Caller(keystone.app, "", {"X-Forwarded-For": source})
            return (await keystone.auth(name, password)).status

        assert [await log_in("x", "192.0.2.1") for _ in range(5)] == [401] * 3 + [429] * 2
        assert await log_in("ann", "192.0.2.1") == 429 and await log_in("ann", "192.0.2.2") == 201
        assert await log_in("x", "192.0.2.1", "ANN") == 429  # the same account, however it is written
        assert await log_in("x", "198.51.100.7, 192.0.2.1") == 429  # what the client itself has written there does not matter
        assert await log_in("ann", "192.0.2.1", "bob") == 401


async def test_a_header_is_worth_nothing_unless_the_proxy_is_known():
    async with booted(failed_logins_per_minute=3) as keystone:
        for at in range(3):
            keystone.anonymous = Caller(keystone.app, "", {"X-Forwarded-For": f"192.0.2.{at}"})
            assert (await keystone.auth("ann", "x")).status == 401
        assert (await keystone.auth("ann", "x")).status == 429


@pytest.mark.realtime
async def test_a_hundred_guesses_at_once_are_a_hundred_in_a_row():
    async with booted(failed_logins_per_minute=5, hash_threads=2, hash_queue=100) as keystone:
        await keystone.member("ann")
        got = [g.status for g in await asyncio.gather(*(keystone.auth("ann", "x") for _ in range(100)))]
        assert got.count(401) <= 6 and got.count(429) == 100 - got.count(401)
        assert not keystone.identity.throttle.turns and not keystone.identity.throttle.trying


@pytest.mark.realtime
async def test_one_address_does_not_fill_the_queue_of_hashing():
    """An address has so many attempts under way as it may fail; others' logins find a place in the bounded pool."""
    async with booted(failed_logins_per_minute=1, hash_threads=1, hash_queue=30, forwarding_proxies=("127.0.0.1",)) as keystone:
        hold, real = threading.Event(), keystone.identity.passwords._verify
        keystone.identity.passwords._verify = lambda *a: hold.wait(10) and real(*a)
        keystone.anonymous = Caller(keystone.app, "", {"X-Forwarded-For": "192.0.2.1"})
        flood = [asyncio.create_task(keystone.auth(f"user{n}", "x")) for n in range(100)]
        await asyncio.wait(flood, timeout=0.5)
        keystone.anonymous = Caller(keystone.app, "", {"X-Forwarded-For": "192.0.2.2"})
        other = asyncio.create_task(keystone.auth())
        await asyncio.sleep(0.05)
        assert not other.done()
        hold.set()
        statuses = [(await t).status for t in flood]
        assert (await other).status == 201 and statuses.count(401) == 20 and statuses.count(429) == 80


@pytest.mark.realtime
async def test_right_passwords_all_at_once_are_not_slowed_down_and_hashed_once(monkeypatch):
    async with booted(failed_logins_per_minute=2, hash_threads=2) as keystone:
        await keystone.member("ann")
        work = counted(keystone, monkeypatch)
        got = await asyncio.gather(*(keystone.auth("ann", "ann") for _ in range(30)))
        assert {g.status for g in got} == {201} and len(work) == 1


@pytest.mark.parametrize(("peer", "forwarded", "source"), [
    ("203.0.113.9", "192.0.2.1", "203.0.113.9"),                      # nobody we know says so
    ("10.0.0.1", None, "10.0.0.1"),
    ("10.0.0.1", "192.0.2.1", "192.0.2.1"),
    ("10.0.0.1", "192.0.2.66, 192.0.2.1", "192.0.2.1"),
    ("10.0.0.1", "192.0.2.66, 192.0.2.1, 10.0.0.2", "192.0.2.1"),     # one behind the other
    ("10.0.0.1", "192.0.2.1, nonsense", "10.0.0.1"),
    ("10.0.0.1", "192.0.2.1:4711", "192.0.2.1"),
    ("10.0.0.1", "[2001:db8:1:2:3::4]:443", "2001:db8:1:2::/64"),
    ("::ffff:10.0.0.1", "::ffff:192.0.2.1", "192.0.2.1"),
    ("fd00::1", "2001:db8:1:2:ffff::9", "2001:db8:1:2::/64"),
    ("2001:db8:1:2::5", "192.0.2.1", "2001:db8:1:2::/64"),
    (None, "192.0.2.1", ""),
    ("unix", "192.0.2.1", "unix"),
])
def test_who_is_believed_about_addresses(peer, forwarded, source):
    assert Sources(["10.0.0.0/8", "fd00::/8"]).of(peer, forwarded) == source
