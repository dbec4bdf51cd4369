"""What an operator does with keys and tokens on the command line."""

import os
from types import SimpleNamespace

from pileus.cli import keys as cli
from pileus.identity.config import IdentityConfig
from pileus.identity.service import Identity
from tests.harness import make_kit
from tests.identity.booted import CATALOG


async def cloud(state) -> tuple[Identity, str]:
    from pileus.identity.model import DomainRef, Login, PasswordUser

    kit = await make_kit({}, "sqlite://")
    identity = Identity(kit, IdentityConfig(bcrypt_cost=4, hash_threads=0), state)
    await identity.start()
    await identity.bootstrap(admin_password="secret", services=CATALOG)
    who = PasswordUser(name="admin", domain=DomainRef(id="default"), password="secret")
    return identity, (await identity.logins.log_in(Login(password=who))).token


async def test_keys_are_rotated_and_tokens_stay_good_and_explain_themselves(tmp_path, capsys):
    identity, token = await cloud(tmp_path)
    assert cli.rotate_keys(state=tmp_path) == 0 and "key 2" in capsys.readouterr().out
    identity.keys.reload()
    assert (await identity.authenticate(token)).user_name == "admin"
    assert cli.show(token, state=tmp_path) == 0
    shown = capsys.readouterr().out
    assert "proven by   password" in shown and (await identity.authenticate(token)).user_id in shown
    assert cli.show(token[:-4] + "AAAA", state=tmp_path) == 1
    await identity.stop()
    await identity.core.db.close()


def test_without_a_cloud_there_is_nothing_to_rotate(tmp_path):
    assert cli.rotate_keys(state=tmp_path) == 1 and cli.show("x", state=tmp_path) == 1
    assert not list(tmp_path.iterdir())


async def test_keys_that_others_can_read_are_named(tmp_path):
    identity, _ = await cloud(tmp_path)
    folder = cli.token_keys(SimpleNamespace(identity=IdentityConfig()), tmp_path)
    assert cli.weaknesses(folder) == [] and cli.weaknesses(tmp_path / "none") == []
    os.chmod(folder / "1", 0o644)
    assert cli.weaknesses(folder) == [f"{folder / '1'} can be read by others"]
    await identity.stop()
    await identity.core.db.close()
