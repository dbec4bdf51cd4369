"""Validations that are asked again are answered from memory, and never with what is no longer so."""

import asyncio

import pytest

from pileus.identity.api import validations
from tests.harness import Caller
from tests.identity.booted import V3, booted
from tests.identity.test_application_credentials import ann_and_robot, use

PATH = f"{V3}/auth/tokens"


class Seen:
    """ann's token in the eyes of an administrator, and how often the ordinary way was taken."""

    def __init__(self, keystone):
        self.keystone, self.ordinary = keystone, 0
        front = keystone.app
        app = front.app

        async def counted(scope, receive, send):
            self.ordinary += scope["path"] == validations.PATH and scope["method"] in ("GET", "HEAD")
            await app(scope, receive, send)

        front.app = counted

    async def begin(self):
        self.user, self.project = await self.keystone.member("ann")
        self.admin, self.token = await self.keystone.as_(), await self.keystone.token("ann")
        return self

    async def ask(self, query="", method="GET", **headers):
        sent = {"X-Subject-Token": self.token} | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.admin.request(method, PATH + query, headers=sent)


async def seen(keystone):
    return await Seen(keystone).begin()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_same_answer_under_another_id(keystone, method):
    s = await seen(keystone)
    first, second = await s.ask(method=method), await s.ask(method=method)
    assert s.ordinary == 1
    ids = {got.headers.pop("x-openstack-request-id") for got in (first, second)}
    assert (first.status, first.headers, first.data) == (second.status, second.headers, second.data)
    assert first.status == 200 and len(ids) == 2 and first.headers["x-subject-token" if method == "GET" else "content-length"]
    counted = s.keystone.kit.metrics.requests["identity", method, 200]
    await s.ask(method=method)
    assert s.keystone.kit.metrics.requests["identity", method, 200] == counted + 1


async def test_other_questions_have_other_answers(keystone):
    s = await seen(keystone)
    for _ in range(2):
        assert "catalog" in (await s.ask()).json["token"] and "catalog" not in (await s.ask("?nocatalog")).json["token"]
        assert (await s.ask(method="HEAD")).data == b""
        assert (await s.ask(X_Subject_Token=s.admin.token)).json["token"]["user"]["name"] == "admin"
        own = await Caller(keystone.app, s.token).get(PATH, headers={"X-Subject-Token": s.token})
        assert own.json["token"]["user"]["name"] == "ann"
        stranger = await Caller(keystone.app, s.token).get(PATH, headers={"X-Subject-Token": s.admin.token})
        assert stranger.status == 403
        assert (await keystone.anonymous.get(PATH, headers={"X-Subject-Token": s.token})).status == 401
        assert (await s.ask(X_Service_Token="nonsense")).status == 401
        assert (await s.ask(X_Subject_Token="nonsense")).status == 404
        assert (await s.ask("?allow_expired=1")).status == 200


CHANGES = {
    "token revoked": ("DELETE", "auth/tokens", None, 404),
    "user disabled": ("PATCH", "users/{user}", {"user": {"enabled": False}}, 404),
    "password": ("PATCH", "users/{user}", {"user": {"password": "new"}}, 404),
    "role taken": ("DELETE", "projects/{project}/users/{user}/roles/{member}", None, 404),
    "project disabled": ("PATCH", "projects/{project}", {"project": {"enabled": False}}, 404),
    "user deleted": ("DELETE", "users/{user}", None, 404),
    "role given": ("PUT", "projects/{project}/users/{user}/roles/{manager}", None, "manager"),
    "user renamed": ("PATCH", "users/{user}", {"user": {"name": "annie"}}, "annie"),
    "project renamed": ("PATCH", "projects/{project}", {"project": {"name": "elsewhere"}}, "elsewhere"),
    "service": ("POST", "services", {"service": {"type": "teapot", "name": "earl"}}, "earl"),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_every_change_is_in_the_very_next_answer(keystone, change):
    s = await seen(keystone)
    method, path, body, expected = CHANGES[change]
    roles = {name: (await keystone.identity.roles.find_named(name)).id for name in ("member", "manager")}
    for how in ("GET", "HEAD", "GET"):
        assert (await s.ask(method=how)).status == 200
    assert s.ordinary == 2
    got = await s.admin.request(method, f"{V3}/{path}".format(user=s.user, project=s.project, **roles), json=body,
                                headers={"X-Subject-Token": s.token})
    assert got.status < 300, got.text
    got = await s.ask()
    if isinstance(expected, str):
        assert got.status == 200 and f'"name":"{expected}"' in got.text
    else:
        assert got.status == expected
    assert (await s.ask(method="HEAD")).status == got.status


async def test_who_asks_must_still_be_somebody(keystone):
    s = await seen(keystone)
    assert [(await s.ask()).status for _ in range(2)] == [200, 200]
    other = await keystone.as_()
    await other.delete(PATH, headers={"X-Subject-Token": s.admin.token})
    assert (await s.ask()).status == 401


async def test_an_answer_ends_with_either_token(keystone):
    await keystone.member("ann")
    early = await keystone.token("ann")
    await asyncio.sleep(600)
    s = await seen(keystone)
    for subject, until in ((early, 3000), (s.token, 3600)):
        assert (await s.ask(X_Subject_Token=subject)).status == 200
        await asyncio.sleep(until - 1 - (0 if subject == early else 3000))
        assert (await s.ask(X_Subject_Token=subject)).status == 200
        await asyncio.sleep(1)
        assert (await s.ask(X_Subject_Token=subject)).status == (404 if subject == early else 401)


async def test_another_copy_of_the_control_plane_notices_within_a_second(tmp_path):
    url = f"sqlite:///{tmp_path}/db"
    async with booted(url, key_repository=str(tmp_path / "keys")) as one, booted(url, key_repository=str(tmp_path / "keys")) as two:
        s = await seen(one)
        assert [(await s.ask()).status for _ in range(2)] == [200, 200]
        other = await two.as_()
        assert (await other.delete(PATH, headers={"X-Subject-Token": s.token})).status == 204
        await asyncio.sleep(1)
        assert (await s.ask()).status == 404


async def test_who_does_not_know_of_access_rules_never_gets_the_answer_of_who_does(keystone):
    rule = {"service": "identity", "method": "GET", "path": "/v3/regions"}
    user, _, _, made = await ann_and_robot(keystone, access_rules=[rule])
    s = await seen(keystone)
    robot = (await use(keystone, made)).headers["x-subject-token"]
    for _ in range(2):
        assert (await s.ask(X_Subject_Token=robot, OpenStack_Identity_Access_Rules="1.0")).status == 200
        assert (await s.ask(X_Subject_Token=robot)).status == 404, user


async def test_answers_are_bounded_by_their_size(keystone, monkeypatch):
    s = await seen(keystone)
    await s.ask()
    front = keystone.app
    one = front.size
    monkeypatch.setattr(validations, "MOST", 3 * one + 1)
    for _ in range(5):
        await s.ask(X_Subject_Token=await keystone.token("ann"))
    assert len(front.answers) <= 3 and front.size <= 3 * one + 1
    assert front.size == sum(validations.OVERHEAD + len(a.body) for a in front.answers.values())
