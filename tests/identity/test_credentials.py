"""Credentials: encrypted in the database, seen and changed by their owner and by administrators."""

import hashlib

import pytest
import sqlalchemy as sa

from pileus.identity.store.tables import credentials
from tests.identity.booted import V3, booted
from tests.identity.test_projects import create

PATH = f"{V3}/credentials"
EC2 = '{"access": "a-key", "secret": "hunter2"}'


async def two(keystone):
    """(ann's id, ann, bob's id, bob, ann's project)."""
    (ann, project), (bob, _) = await keystone.member("ann"), await keystone.member("bob")
    return ann, await keystone.as_("ann", "ann", project="ann"), bob, await keystone.as_("bob", "bob", project="bob"), project


async def test_create_show_list_update_delete(keystone):
    ann, caller, _, _, project = await two(keystone)
    made = await create(caller, "credential", user_id=ann, project_id=project, type="ec2", blob=EC2, note="mine")
    id = hashlib.sha256(b"a-key").hexdigest()
    assert made == {
        "id": id, "user_id": ann, "project_id": project, "type": "ec2", "blob": EC2, "note": "mine",
        "links": {"self": made["links"]["self"]},
    }
    assert made["links"]["self"].endswith(f"/v3/credentials/{id}")
    assert (await caller.get(f"{PATH}/{id}")).json["credential"] == made
    newer = '{"access": "b-key", "secret": "hunter3"}'
    got = await caller.patch(f"{PATH}/{id}", {"credential": {"blob": newer, "type": "ec2", "user_id": ann}})
    assert got.status == 200 and got.json["credential"] == made | {"blob": newer}
    assert (await caller.get(PATH)).json["credentials"] == [made | {"blob": newer}]
    assert (await caller.delete(f"{PATH}/{id}")).status == 204
    admin = await keystone.as_()
    assert [(await who.get(f"{PATH}/{id}")).status for who in (caller, admin)] == [403, 404]


async def test_filters(keystone):
    ann, _, bob, _, _ = await two(keystone)
    admin = await keystone.as_()
    made = {(user, kind): (await create(admin, "credential", user_id=user, type=kind, blob="x"))["id"]
            for user in (ann, bob) for kind in ("cert", "totp")}

    async def listed(query):
        return {c["id"] for c in (await admin.get(PATH + query)).json["credentials"]}

    assert await listed("") == set(made.values())
    assert await listed(f"?user_id={ann}") == {made[ann, "cert"], made[ann, "totp"]}
    assert await listed(f"?user_id={ann}&type=totp") == {made[ann, "totp"]}
    assert await listed("?type=none") == set()


@pytest.mark.parametrize("on_system", [False, True])
async def test_OSSA_2019_006_users_list_and_touch_only_their_own(keystone, on_system):
    """Row 25: whatever the filter and whatever the scope; a reader of the system sees all and changes nothing."""
    ann, caller, bob, stranger, _ = await two(keystone)
    theirs = await create(caller, "credential", user_id=ann, type="cert", blob="x")
    one = f"{PATH}/{theirs['id']}"
    if on_system:
        await keystone.identity.assign_role("reader", user_id=bob)
        stranger = await keystone.as_("bob", "bob", scope={"system": {"all": True}})
    for query in ("", f"?user_id={ann}", "?type=cert"):
        assert (await stranger.get(PATH + query)).json["credentials"] == ([theirs] if on_system else [])
    assert (await stranger.get(one)).status == (200 if on_system else 403)
    assert (await stranger.patch(one, {"credential": {"blob": "y"}})).status == 403
    assert (await stranger.delete(one)).status == 403
    assert (await stranger.post(PATH, {"credential": {"user_id": ann, "type": "cert", "blob": "y"}})).status == 403
    assert (await caller.get(PATH)).json["credentials"] == [theirs]


async def test_OSSA_2020_004_owner_and_scope_never_change(keystone):
    """Row 24 of the list of advisories."""
    ann, caller, bob, _, project = await two(keystone)
    made = await create(caller, "credential", user_id=ann, project_id=project, type="ec2",
                        blob='{"access": "k", "secret": "s", "trust_id": "t"}')
    one = f"{PATH}/{made['id']}"
    for change in (
        {"user_id": bob},
        {"project_id": "other"},
        {"project_id": None},
        {"type": "cert"},
        {"id": "x"},
        {"blob": '{"access": "k", "secret": "s"}'},
        {"blob": '{"access": "k", "secret": "s", "trust_id": "other"}'},
        {"blob": '{"access": "k", "secret": "s", "trust_id": "t", "app_cred_id": "x"}'},
        {"blob": "no json"},
        {"blob": None},
        {},
    ):
        for who in (caller, await keystone.as_()):
            assert (await who.patch(one, {"credential": change})).status == 400, change
    assert (await caller.get(one)).json["credential"] == made


async def test_bad_input_changes_nothing(keystone):
    ann, caller, _, _, project = await two(keystone)
    admin = await keystone.as_()
    good = {"user_id": ann, "project_id": project, "type": "ec2", "blob": EC2}
    for wrong in (
        {"project_id": None},
        {"project_id": "missing"},
        {"blob": "no json"},
        {"blob": "[]"},
        {"blob": "{}"},
        {"blob": '{"access": 1}'},
        {"blob": {"access": "k"}},
        {"type": ""},
        {"type": "x" * 256},
    ):
        assert (await caller.post(PATH, {"credential": good | wrong})).status == 400, wrong
    for field in ("user_id", "type", "blob", "project_id"):
        assert (await admin.post(PATH, {"credential": {k: v for k, v in good.items() if k != field}})).status == 400, field
    assert (await admin.post(PATH, {"credential": good | {"user_id": "missing"}})).status == 400
    assert (await admin.get(PATH)).json["credentials"] == []
    assert (await caller.post(PATH, {"credential": good})).status == 201
    assert (await caller.post(PATH, {"credential": good})).status == 409


async def test_blobs_are_encrypted_at_rest(keystone):
    ann, caller, _, _, project = await two(keystone)
    made = await create(caller, "credential", user_id=ann, project_id=project, type="ec2", blob=EC2)
    rows = await keystone.kit.db.rows(sa.select(credentials))
    assert len(rows) == 1 and "hunter2" not in str(rows) and "a-key" not in str(rows)
    await keystone.kit.db.execute(credentials.update().values(sealed="changed"))
    got = await caller.get(f"{PATH}/{made['id']}")
    assert got.status == 500 and got.json["error"]["message"].startswith("Credential could not be decrypted")


async def test_credentials_outlive_the_process_and_the_rotation_of_token_keys(tmp_path):
    config = {"key_repository": str(tmp_path / "tokens"), "credential_key_repository": str(tmp_path / "credentials")}
    url = f"sqlite:///{tmp_path}/db"
    async with booted(url, **config) as keystone:
        ann, caller, _, _, _ = await two(keystone)
        made = await create(caller, "credential", user_id=ann, type="cert", blob="hunter2")
        for _ in range(6):
            keystone.identity.keys.rotate()
    assert (tmp_path / "credentials").stat().st_mode & 0o777 == 0o700
    async with booted(url, **config) as keystone:
        caller = await keystone.as_("ann", "ann", project="ann")
        assert (await caller.get(f"{PATH}/{made['id']}")).json["credential"]["blob"] == "hunter2"


@pytest.mark.parametrize("gone", ["user", "project"])
async def test_credentials_go_with_their_user_and_project(keystone, gone):
    ann, caller, _, _, project = await two(keystone)
    admin = await keystone.as_()
    made = await create(caller, "credential", user_id=ann, project_id=project, type="ec2", blob=EC2)
    assert (await admin.delete(f"{V3}/{gone}s/{ann if gone == 'user' else project}")).status == 204
    assert (await admin.get(f"{PATH}/{made['id']}")).status == 404
    assert (await admin.get(PATH)).json["credentials"] == []
