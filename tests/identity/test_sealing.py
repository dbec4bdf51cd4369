"""The keys of stored secrets: rotated without losing one, whatever happens in between."""

import sqlite3

import pytest

from pileus.cli import sealing as cli
from pileus.core.clock import VirtualClock
from pileus.core.errors import CloudError
from pileus.core.ids import Ids
from pileus.identity.config import IdentityConfig
from pileus.identity.keys import Keys
from pileus.identity.service.sealing import Migrated, Sealing
from tests.conftest import run_virtual
from tests.identity.booted import V3, booted
from tests.identity.test_projects import create

SECRETS = 4


async def stored(keystone) -> None:
    """Secrets of every kind."""
    admin = await keystone.as_()
    user, _ = await keystone.member("ann")
    for blob in ("one", "two"):
        await create(admin, "credential", user_id=user, type="cert", blob=blob)
    assert (await admin.post(f"{V3}/OS-OAUTH1/consumers", {"consumer": {}})).status == 201
    await admin.put(f"{V3}/domains/default/config", {"config": {"ldap": {"url": "ldap://x", "password": "hush"}}})


async def readable(keystone) -> None:
    admin = await keystone.as_()
    assert {c["blob"] for c in (await admin.get(f"{V3}/credentials")).json["credentials"]} == {"one", "two"}
    assert (await keystone.identity.domain_configs.effective("default"))["ldap"]["password"] == "hush"
    [consumer] = await keystone.identity.consumers.all()
    assert len(keystone.identity.credential_keys.open_token(consumer.sealed)) == 32


async def test_however_often_keys_are_rotated_nothing_is_lost(keystone):
    await stored(keystone)
    for _ in range(6):
        await keystone.identity.sealing.rotate()
        await readable(keystone)
        assert await keystone.identity.sealing.migrate() == Migrated(SECRETS, 0)
        assert await keystone.identity.sealing.migrate() == Migrated(0, 0), "what is moved stays"
        await readable(keystone)


async def test_no_rotation_before_everything_was_moved(keystone):
    """Three rotations in a row would forget the only key of what is stored."""
    await stored(keystone)
    await keystone.identity.sealing.rotate()
    for _ in range(3):
        with pytest.raises(CloudError, match="4 secrets are still encrypted with a former key"):
            await keystone.identity.sealing.rotate()
    await readable(keystone)


@pytest.mark.parametrize("moved", range(SECRETS + 1))
async def test_a_crash_in_the_middle_leaves_everything_readable(keystone, moved):
    await stored(keystone)
    sealing, replace, left = keystone.identity.sealing, keystone.identity.core.store.sealed.replace, moved
    await sealing.rotate()

    async def crash(kept, sealed):
        nonlocal left
        if not left:
            raise ConnectionError("gone")
        left -= 1
        return await replace(kept, sealed)

    sealing.store.replace = crash
    if moved < SECRETS:
        with pytest.raises(ConnectionError):
            await sealing.migrate()
    else:
        await sealing.migrate()
    sealing.store.replace = replace
    await readable(keystone)
    assert await sealing.migrate() == Migrated(SECRETS - moved, 0)
    await sealing.rotate()
    await readable(keystone)


async def test_what_changes_meanwhile_is_not_undone(keystone):
    await stored(keystone)
    sealing, store = keystone.identity.sealing, keystone.identity.core.store.sealed
    await sealing.rotate()
    seen = await store.all()
    admin = await keystone.as_()
    for c in (await admin.get(f"{V3}/credentials")).json["credentials"]:
        await admin.patch(f"{V3}/credentials/{c['id']}", {"credential": {"blob": c["blob"] + "!"}})
    assert [await store.replace(kept, kept.sealed) for kept in seen] == [False, False, True, True]
    await sealing.migrate()
    assert {c["blob"] for c in (await admin.get(f"{V3}/credentials")).json["credentials"]} == {"one!", "two!"}


async def test_what_no_key_opens_is_counted_and_holds_nobody_up(keystone):
    await stored(keystone)
    stranger = Keys(None, IdentityConfig(), VirtualClock(), Ids())
    stranger.open()
    store = keystone.identity.core.store.sealed
    one = (await store.all())[0]
    await store.replace(one, stranger.seal(b"whose"))
    await keystone.identity.sealing.rotate()
    assert await keystone.identity.sealing.migrate() == Migrated(SECRETS - 1, 1)
    await keystone.identity.sealing.rotate()


async def test_two_copies_may_migrate_at_once_and_one_that_is_behind_catches_up(tmp_path):
    async with booted(credential_key_repository=str(tmp_path)) as keystone:
        await stored(keystone)
        other = Keys(tmp_path, IdentityConfig(), VirtualClock(), Ids())
        await keystone.identity.sealing.rotate()
        late = Sealing(keystone.identity.core.store.sealed, other)
        assert await late.migrate() == Migrated(SECRETS, 0) and await keystone.identity.sealing.migrate() == Migrated(0, 0)
        await readable(keystone)


async def on_disk(state, then) -> None:
    """A cloud of this state folder, as far as identity goes."""
    keys = str(state / "identity" / "credential-keys")
    async with booted(f"sqlite:///{state}/pileus.db", credential_key_repository=keys) as keystone:
        await then(keystone)


def test_on_the_command_line(tmp_path, capsys):
    assert cli.rotate_credential_keys(state=tmp_path) == cli.migrate_credentials(state=tmp_path) == 1
    assert not list(tmp_path.iterdir()) and "has not been started" in capsys.readouterr().err
    run_virtual(on_disk(tmp_path, stored))
    assert cli.rotate_credential_keys(state=tmp_path) == 0 and "new key" in capsys.readouterr().out
    assert cli.rotate_credential_keys(state=tmp_path) == 1 and "migrate them first" in capsys.readouterr().err
    assert cli.migrate_credentials(state=tmp_path) == 0 and f"{SECRETS} secrets were moved" in capsys.readouterr().out
    run_virtual(on_disk(tmp_path, readable))
    with sqlite3.connect(tmp_path / "pileus.db") as db:
        db.execute("update identity_consumers set sealed = '\"AAAA\"'")
    assert cli.migrate_credentials(state=tmp_path) == 0 and "1 cannot be read" in capsys.readouterr().out
