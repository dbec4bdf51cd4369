"""Copies of the control plane whose clocks differ: what is valid and what is void does not depend on who is ahead."""

from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec
import pytest

from pileus.core.clock import VirtualClock
from pileus.identity.config import IdentityConfig
from pileus.identity.service import Identity
from tests.identity.booted import V3, Booted, booted

SKEW = [timedelta(minutes=-4), timedelta(minutes=4)]


@asynccontextmanager
async def two(folder, skew: timedelta, **config):
    """A cloud, and another copy of it with another clock, on one database and one folder of keys."""
    keys = {"key_repository": str(folder / "f"), "jws_key_repository": str(folder / "j"), "staleness_s": 0.0} | config
    async with booted(**keys) as one:
        kit = msgspec.structs.replace(one.kit, clock=VirtualClock(one.kit.clock.start + skew))
        other = Booted(kit, Identity(kit, IdentityConfig(bcrypt_cost=4, hash_threads=0, **keys)))
        await other.identity.start()
        yield one, other
        await other.identity.stop()


@pytest.mark.parametrize("skew", SKEW)
@pytest.mark.parametrize("provider", ["fernet", "jws"])
async def test_a_token_is_good_at_both(tmp_path, skew, provider):
    async with two(tmp_path, skew, token_provider=provider) as (one, other):
        for here, there in ((one, other), (other, one)):
            token = (await here.as_()).token
            assert await here.works(token) and await there.works(token)
            got = await there.rescope(token)
            assert got.status == 201 and await here.works(got.headers["x-subject-token"])


@pytest.mark.parametrize("skew", SKEW)
async def test_what_was_revoked_is_void_and_what_came_later_is_good_whoever_did_it(tmp_path, skew):
    """Keystone compares the times of tokens and revocations: a copy that is ahead voids tokens of minutes to come."""
    async with two(tmp_path, skew) as (one, other):
        user, _ = await one.member("ann")
        for here, there in ((one, other), (other, one), (one, one)):
            token = await here.token("ann")
            admin = await there.as_()
            assert (await admin.delete(f"{V3}/users/{user}/tokens")).status == 204
            later = await here.token("ann")
            for cloud in (one, other):
                assert [await cloud.works(t) for t in (token, later)] == [False, True]


@pytest.mark.parametrize("skew", SKEW)
async def test_no_copy_makes_a_token_live_longer(tmp_path, skew):
    async with two(tmp_path, skew) as (one, other):
        first = await one.auth(scope="unscoped")
        again = await other.rescope(first.headers["x-subject-token"], {"project": {"name": "admin", "domain": {"id": "default"}}})
        assert again.json["token"]["expires_at"] == first.json["token"]["expires_at"]
