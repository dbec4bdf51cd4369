"""Passwords: what is taken, what is stored, what is remembered."""

import asyncio

import bcrypt
import pytest

from pileus.core.errors import Invalid
from pileus.core.ids import Ids
from pileus.identity.config import IdentityConfig
from pileus.identity.errors import HashingBusy
from pileus.identity.hashes import bcrypt_cost, bcrypt_hash, bcrypt_verify, verify
from pileus.identity.passwords import Passwords
from tests.identity.booted import V3, booted

SALT = bytes(range(16))


def passwords(**config) -> Passwords:
    return Passwords(IdentityConfig(**({"bcrypt_cost": 4, "hash_threads": 0} | config)), Ids(1))


@pytest.mark.parametrize(
    "password", ["a", "p" * 72, "p" * 73, "p" * 4000, "é" * 36, "é" * 37, "nul\0inside", "\ud800 lone surrogate", "日本" * 20]
)
async def test_every_byte_counts(password):
    """OSSA-2012-002's neighbour: bcrypt itself stops at byte 72 and at a zero byte."""
    hasher = passwords()
    stored = await hasher.hash(password)
    assert await hasher.verify(password, stored)
    for wrong in (
        password + "x",
        password[:-1],
        password[:-1] + "!",
        password[: len(password) // 2] + "?" + password[len(password) // 2 + 1 :],
    ):
        if wrong != password:
            assert not await passwords().verify(wrong, stored), wrong


def test_hashes_of_other_programs_are_understood():
    assert bcrypt_verify(b"secret", bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode())
    # passlib's own example for "password", which is also Keystone's form.
    known = "$bcrypt-sha256$v=2,t=2b,r=12$n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2"
    assert bcrypt_verify(b"password", known) and not bcrypt_verify(b"passwore", known) and bcrypt_cost(known) == 12
    for nobodys in ("", "!", "$6$rounds=5000$x$y", "$pbkdf2-sha512$25000$a$b", bcrypt_hash(b"", 4, SALT, blank=True)):
        assert not bcrypt_verify(b"", nobodys) and not bcrypt_verify(b"password", nobodys)


#: Made by passlib 1.7.4.
FOREIGN = {
    "correct horse": (
        "$pbkdf2-sha512$1000$.l.rVQoBwPj/n1NqrVUKAQ$vdHt48OY4Jr4X7.NA.z99fV6dnc34DpKCKvNaznzM.HtmrFuXsG8u.6FRia9RWwViTs.Ac2OzBuImnNE6AhX1g",
        "$scrypt$ln=4,r=8,p=1$dK517t3b2/sfAyBkzLl3rg$7PTCiRCd+Lp6WbZKckXVbQXR5EvMNFq1AlPYPd/H4tE",
        "$bcrypt-sha256$v=2,t=2b,r=4$uZdTbQydaHaRcah/YeYWce$w87XvEa/kDoFOZIxc.a/jlp5ZxjxQVe",
        "$bcrypt-sha256$2b,4$snN0IbgRoNJbhE7G2Pwm0e$PrjWU8JvF7JDTk5BuoEvWcRE5/2AmUG",
        "$2b$04$vKsXDSqxLE/AQ//lDREPNu.4c8Ie0W2sIMwT0SiPOgwnfv7Fb.0s6",
    ),
    "x" * 100: (
        "$pbkdf2-sha512$1000$vhfCOCekFIIwZmxtzbkXwg$Y0.Llo6TSWhO1GI7bz07pvkMbFRDKj4YIYy1f7xsqhHtIg31M6Y6ccHNZgkzxOvwx5bNacDwqFqJ2.Hp.PI//g",
        "$scrypt$ln=4,r=8,p=1$sdaak7JW6l0LQcg5x9h7Dw$oqMfAg7fyXtyOGO9LwmORRcKQxSPghawLTyPwD1Wc4M",
        "$bcrypt-sha256$v=2,t=2b,r=4$nCUMSCuEDflA6kY9cmhrLO$/7ERttVmAlZboOltPbnrrjrZLHwQ0NC",
        "$bcrypt-sha256$2b,4$.JrkS69/tMVqaq2B3PDoUe$doqrzHI87GZ/BXoChV5RE8KkrwsoNHC",
    ),
}


@pytest.mark.parametrize(("password", "stored"), [(p, s) for p, known in FOREIGN.items() for s in known])
def test_hashes_of_a_keystone_database_are_understood(password, stored):
    assert verify(password.encode(), stored)
    assert not verify(password.encode() + b"x", stored) and not verify(password.encode()[:-1], stored)


@pytest.mark.parametrize("algorithm", ["bcrypt", "bcrypt_sha256", "scrypt", "pbkdf2_sha512"])
async def test_new_hashes_are_made_as_configured(algorithm):
    hasher = passwords(password_hash_algorithm=algorithm, scrypt_cost=4, pbkdf2_rounds=1000)
    for password in ("right", "r" * 100):
        stored = await hasher.hash(password)
        assert stored.startswith({"bcrypt": "$", "bcrypt_sha256": "$bcrypt-sha256$"}.get(algorithm, f"${algorithm.replace('_', '-')}$"))
        assert await hasher.verify(password, stored) and not await passwords().verify(password + "x", stored)
        assert len(stored) <= 255
    known = FOREIGN["correct horse"]
    assert all([await hasher.verify("correct horse", stored) for stored in known])
    assert not await hasher.verify("", hasher.nobodys) and not await hasher.verify("x", None)
    assert hasher.recipe.cheaper("$6$unknown") and not hasher.recipe.cheaper(hasher.nobodys)


def test_a_hash_that_asks_for_all_memory_is_nobodys():
    assert not verify(b"x", "$scrypt$ln=30,r=99,p=1$dK517t3b2/sfAyBkzLl3rg$7PTCiRCd+Lp6WbZKckXVbQXR5EvMNFq1AlPYPd/H4tE")


async def test_too_long_or_empty_is_refused():
    for bad in ("", "x" * 4097, "é" * 2049):
        with pytest.raises(Invalid):
            await passwords().hash(bad)


async def test_salts_differ():
    hasher = passwords()
    assert await hasher.hash("same") != await hasher.hash("same")


async def test_a_repeated_login_skips_bcrypt_until_the_password_changes(monkeypatch):
    hasher = passwords(password_cache=2)
    one, two = await hasher.hash("one"), await hasher.hash("two")
    work = []
    monkeypatch.setattr(hasher, "_verify", lambda data, stored: work.append(stored) or bcrypt_verify(data, stored))
    assert await hasher.verify("one", one) and await hasher.verify("one", one) and work == [one]
    assert (
        not await hasher.verify("One", one) and not await hasher.verify("One", one) and work == [one] * 3
    )  # failures are never remembered
    assert not await hasher.verify("one", two)
    renewed = await hasher.hash("one")
    assert await hasher.verify("one", renewed) and work[-1] == renewed
    assert await hasher.verify("two", two) and len(hasher.verified) == 2  # bounded
    assert not any(b"one" in key or b"two" in key for key in hasher.verified)


async def test_refusals_all_cost_the_same(monkeypatch):
    """Row 26: OSSA-2021-003, CVE-2021-38155: no user, no password, a cheaply hashed one, a wrong one, a hopelessly long one."""
    hasher = passwords(bcrypt_cost=5)
    stored, cheap = await hasher.hash("right"), await hasher.hash("right", cheap=True)
    assert (bcrypt_cost(stored), bcrypt_cost(cheap)) == (5, 4)
    rounds = []
    real = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", lambda password, hashed: rounds.append(int(hashed[4:6])) or real(password, hashed))
    for password, against in (
        ("wrong", None),
        ("wrong", stored),
        ("w" * 100, stored),
        ("w" * 100_000, stored),
        ("w" * 100_000, None),
        ("wrong", cheap),
        ("right", "$6$unknown$kind"),
    ):
        rounds.clear()
        assert not await hasher.verify(password, against)
        assert rounds.count(5) == 1, (password[:10], against, rounds)


@pytest.mark.realtime
async def test_hashing_leaves_the_loop_alone_and_its_queue_has_an_end():
    hasher = passwords(hash_threads=1, hash_queue=2, bcrypt_cost=8)
    first, second = (asyncio.ensure_future(hasher.hash("x")) for _ in range(2))
    await asyncio.sleep(0)
    assert not first.done()
    with pytest.raises(HashingBusy) as busy:
        await hasher.hash("x")
    assert busy.value.status == 503 and "retry-after" in busy.value.headers
    assert all(bcrypt_verify(b"x", h) for h in await asyncio.gather(first, second))
    await hasher.hash("x")
    hasher.close()


@pytest.mark.parametrize(("processors", "wanted", "made"), [(1, 2, 1), (2, 2, 1), (4, 2, 2), (4, 8, 3), (None, 2, 1)])
def test_hashing_leaves_a_processor_to_everything_else(monkeypatch, processors, wanted, made):
    monkeypatch.setattr("os.cpu_count", lambda: processors)
    hasher = passwords(hash_threads=wanted)
    assert hasher.pool._max_workers == made
    hasher.close()


async def test_long_passwords_over_http(keystone):
    """Row 28: OSSA-2012-002: a very long password is refused at once where it is set, and is just wrong where it is offered."""
    admin = await keystone.as_()
    long = "p" * 100
    assert (await admin.post(f"{V3}/users", {"user": {"name": "ann", "password": long}})).status == 201
    assert (await keystone.auth("ann", long)).status == 201
    assert (await keystone.auth("ann", long[:72])).status == 401
    assert (await keystone.auth("ann", long + "p")).status == 401
    assert (await admin.post(f"{V3}/users", {"user": {"name": "bob", "password": "p" * 4097}})).status == 400
    assert (await keystone.auth("ann", "p" * 500_000)).status == 401
    assert (await keystone.auth("ann", "p" * 2_000_000)).status == 413


async def test_generated_passwords_hash_cheaply_and_others_do_not():
    async with booted(bcrypt_cost=6) as keystone:
        cheap = await keystone.identity.ensure_user("svc", "f" * 32, generated=True)
        human = await keystone.identity.ensure_user("ann", "ann")
        store = keystone.identity.core.store.users
        assert bcrypt_cost((await store.password(cheap.id)).hash) == 4 and bcrypt_cost((await store.password(human.id)).hash) == 6
        await keystone.identity.ensure_user("svc", "f" * 32, generated=True)
        await keystone.identity.ensure_user("svc", "e" * 32, generated=True)
        assert (await keystone.auth("svc", "e" * 32)).status == 201 and (await keystone.auth("svc", "f" * 32)).status == 401


async def test_changing_ones_own_password(keystone):
    user, _ = await keystone.member("ann")
    path = f"{V3}/users/{user}/password"

    async def change(old, new, at=path):
        return (await keystone.anonymous.post(at, {"user": {"original_password": old, "password": new}})).status

    assert await change("wrong", "new") == 401
    assert await change("ann", "new", f"{V3}/users/nobody/password") == 401
    assert await change("ann", "ann") == 400 and await change("ann", "") == 400
    assert await change("ann", "new") == 204
    assert (await keystone.auth("ann", "new")).status == 201 and (await keystone.auth("ann", "ann")).status == 401
    admin = await keystone.as_()
    await admin.patch(f"{V3}/users/{user}", {"user": {"options": {"lock_password": True}}})
    assert await change("new", "newer") == 400
    await admin.patch(f"{V3}/users/{user}", {"user": {"options": {"lock_password": None}}})
    await admin.patch(f"{V3}/users/{user}", {"user": {"enabled": False}})
    assert await change("new", "newer") == 401
    await admin.patch(f"{V3}/users/{user}", {"user": {"enabled": True, "password": None}})
    assert await change("new", "newer") == 401 and (await keystone.auth("ann", "new")).status == 401
