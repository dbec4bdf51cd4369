"""Audit events (K26): who has logged in or failed to, and who has changed what."""

import json
import logging

import pytest

from tests.identity.booted import V3, booted

RULES = [{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "U"}]}]


@pytest.fixture
def told(caplog):
    """The notifications so far, parsed; asking takes them away."""
    caplog.set_level(logging.INFO, logger="pileus.identity.notification")

    def take() -> list[dict]:
        found = [json.loads(r.facts["notification"]) for r in caplog.records if r.name == "pileus.identity.notification"]
        caplog.clear()
        return found

    return take


async def test_logins_and_changes_are_told(told):
    async with booted(notifications="log") as keystone:
        admin = await keystone.as_()
        (login,) = told()
        assert login["event_type"] == "identity.authenticate" and login["payload"]["outcome"] == "success"
        me = login["payload"]["initiator"]["id"]
        assert login["payload"]["target"]["id"] == me and login["payload"]["initiator"]["host"]["address"]
        assert (await keystone.auth(password="never-say-this")).status == 401
        (failed,) = told()
        assert failed["payload"]["outcome"] == "failure" and "never-say-this" not in json.dumps(failed)
        user = (await admin.post(f"{V3}/users", {"user": {"name": "u", "password": "nor-this"}})).json["user"]["id"]
        (made,) = told()
        assert made["event_type"] == "identity.user.created" and made["priority"] == "INFO"
        payload = made["payload"]
        assert payload["typeURI"].endswith("/audit/1.0/event") and payload["action"] == "created.user"
        assert payload["target"] == {"typeURI": "data/security/account/user", "id": user} and payload["resource_info"] == user
        assert payload["initiator"]["id"] == me and payload["initiator"]["project_id"] and "nor-this" not in json.dumps(made)


async def test_each_kind_of_change_has_its_name_and_id(told):
    async with booted(notifications="log") as keystone:
        admin = await keystone.as_()
        user, project = await keystone.member("u")
        role = (await admin.get(f"{V3}/roles?name=reader")).json["roles"][0]["id"]
        group = (await admin.post(f"{V3}/groups", {"group": {"name": "g"}})).json["group"]["id"]
        service = (await admin.post(f"{V3}/services", {"service": {"type": "x"}})).json["service"]["id"]
        told()
        limit = {"service_id": service, "resource_name": "r", "default_limit": 1}
        for method, path, body, event, id in (
            ("PATCH", f"users/{user}", {"user": {"email": "x"}}, "user.updated", user),
            ("POST", f"users/{user}/password", {"user": {"original_password": "u", "password": "v"}}, "user.updated", user),
            ("PUT", f"groups/{group}/users/{user}", None, "group.updated", group),
            ("PUT", f"projects/{project}/tags/t", None, "project.updated", project),
            ("PUT", f"projects/{project}/users/{user}/roles/{role}", None, "role_assignment.created", role),
            ("DELETE", f"projects/{project}/users/{user}/roles/{role}", None, "role_assignment.deleted", role),
            ("PUT", f"system/groups/{group}/roles/{role}", None, "role_assignment.created", role),
            ("PUT", "OS-FEDERATION/identity_providers/i", {"identity_provider": {}}, "identity_provider.created", "i"),
            ("PUT", "OS-FEDERATION/mappings/m", {"mapping": {"rules": RULES}}, "mapping.created", "m"),
            ("PUT", "OS-FEDERATION/identity_providers/i/protocols/p", {"protocol": {"mapping_id": "m"}}, "protocol.created", "p"),
            ("POST", "registered_limits", {"registered_limits": [limit]}, "registered_limit.created", None),
            ("DELETE", f"groups/{group}", None, "group.deleted", group),
            ("DELETE", f"users/{user}", None, "user.deleted", user),
        ):
            got = await admin.request(method, f"{V3}/{path}", json=body)
            assert got.status < 300, (path, got.text)
            (event_told,) = told()
            assert event_told["event_type"] == f"identity.{event}", path
            assert id is None or event_told["payload"]["target"]["id"] == id, path
            if "role_assignment" in event:
                assert event_told["payload"]["role"] == role and event_told["payload"]["inherited_to_projects"] is False


async def test_credentials_of_users_are_told_of_by_their_own_ids(told):
    async with booted(notifications="log") as keystone:
        user, _ = await keystone.member("u")
        caller = await keystone.as_("u", "u", project="u")
        told()
        path = f"{V3}/users/{user}/application_credentials"
        id = (await caller.post(path, {"application_credential": {"name": "a"}})).json["application_credential"]["id"]
        await caller.delete(f"{path}/{id}")
        made, gone = told()
        assert made["event_type"] == "identity.application_credential.created"
        assert made["payload"]["target"]["id"] == gone["payload"]["target"]["id"] == id


async def test_what_is_refused_or_only_read_is_not_told(told):
    async with booted(notifications="log") as keystone:
        admin = await keystone.as_()
        told()
        for method, path in (("GET", "users"), ("DELETE", "users/missing"), ("POST", "users"), ("HEAD", "auth/tokens")):
            await admin.request(method, f"{V3}/{path}", json={"user": {}} if method == "POST" else None)
        assert told() == []


async def test_one_may_opt_out(told):
    async with booted(notifications="log", notification_opt_out=("identity.authenticate.success", "identity.user.created")) as keystone:
        admin = await keystone.as_()
        await admin.post(f"{V3}/users", {"user": {"name": "u"}})
        assert told() == []
        await keystone.auth(password="wrong")
        assert [n["payload"]["outcome"] for n in told()] == ["failure"]


async def test_nothing_is_told_unless_it_is_wanted(keystone, told):
    await keystone.as_()
    assert told() == []
