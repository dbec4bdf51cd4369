"""What an operator does with keys and tokens on the command line."""

import os
from types import SimpleNamespace

from pileus.cli import doctor
from pileus.cli import keys as cli
from pileus.cli import token as tokens
from pileus.identity.config import IdentityConfig
from pileus.identity.service import Identity
from tests.harness import make_kit
from tests.identity.booted import CATALOG


async def cloud(state, **config) -> tuple[Identity, str]:
    from pileus.identity.model import DomainRef, Login, PasswordUser

    kit = await make_kit({}, "sqlite://")
    identity = Identity(kit, IdentityConfig(bcrypt_cost=4, hash_threads=0, **config), state)
    await identity.start()
    await identity.bootstrap(admin_password="secret", services=CATALOG)
    who = PasswordUser(name="admin", domain=DomainRef(id="default"), password="secret")
    return identity, (await identity.logins.log_in(Login(password=who))).token


async def test_keys_are_rotated_and_tokens_stay_good_and_explain_themselves(tmp_path, capsys):
    identity, token = await cloud(tmp_path)
    assert cli.rotate_keys(state=tmp_path) == 0 and "key 2" in capsys.readouterr().out
    identity.keys.reload()
    assert (await identity.authenticate(token)).user_name == "admin"
    assert tokens.show(token, state=tmp_path) == 0
    shown = capsys.readouterr().out
    assert "proven by   password" in shown and (await identity.authenticate(token)).user_id in shown
    assert tokens.show(token[:-4] + "AAAA", state=tmp_path) == 1
    await identity.stop()
    await identity.core.db.close()


def test_without_a_cloud_there_is_nothing_to_rotate(tmp_path):
    assert cli.rotate_keys(state=tmp_path) == 1 and tokens.show("x", state=tmp_path) == 1
    assert not list(tmp_path.iterdir())


async def test_keys_that_others_can_read_are_named(tmp_path):
    identity, _ = await cloud(tmp_path)
    folder = cli.token_folders(SimpleNamespace(identity=IdentityConfig()), tmp_path)[0]
    assert cli.weaknesses(folder) == [] and cli.weaknesses(tmp_path / "none") == []
    os.chmod(folder / "1", 0o644)
    assert cli.weaknesses(folder) == [f"{folder / '1'} can be read by others"]
    await identity.stop()
    await identity.core.db.close()


async def test_signed_tokens_explain_themselves_and_both_kinds_of_keys_rotate(tmp_path, capsys):
    (tmp_path / "pileus.toml").write_text('[identity]\ntoken_provider = "jws"\n')
    identity, token = await cloud(tmp_path, token_provider="jws")
    first = identity.signing_keys.primary
    assert cli.rotate_keys(state=tmp_path) == 0
    said = capsys.readouterr().out
    assert f"signed is made with key 2 of {tmp_path / 'identity' / 'jws-keys'}" in said and "sealed is made with key 2" in said
    for keys in identity.token_keys:
        keys.reload()
    assert identity.signing_keys.primary != first and (await identity.authenticate(token)).user_name == "admin"
    assert tokens.show(token, state=tmp_path) == 0
    shown = capsys.readouterr().out
    assert f"signed (JWS, ES256) by key {first}" in shown and "proven by   password" in shown
    assert tokens.show(token.rpartition(".")[0] + ".AAAA", state=tmp_path) == 1
    await identity.stop()
    await identity.core.db.close()


async def test_doctor_looks_at_all_keys_that_are_used(tmp_path):
    identity, _ = await cloud(tmp_path, token_provider="jws")
    assert doctor._keys(tmp_path).ok
    (tmp_path / "pileus.toml").write_text('[identity]\ntoken_provider = "jws"\n')
    assert doctor._keys(tmp_path).ok
    folder = tmp_path / "identity" / "jws-keys"
    saml = tmp_path / "identity" / "saml-idp.pem"
    saml.touch(0o600)
    assert doctor._keys(tmp_path).ok
    saml.chmod(0o604)
    os.chmod(folder / "1", 0o640)
    (folder / "0").write_bytes(b"-----BEGIN PRIVATE KEY-----\nhalf")
    os.chmod(folder, 0o755)
    found = doctor._keys(tmp_path)
    assert not found.ok and set(found.text.split("; ")) == {
        f"{folder} can be entered by others", f"{folder / '1'} can be read by others", f"{folder / '0'} is no key",
        f"{saml} can be read by others"}
    await identity.stop()
    await identity.core.db.close()
