"""Every route of compute's resources, walked."""

import re

import pytest

from pileus.compute.api import versions
from pileus.compute.api.changes.resources import CHANGES
from pileus.compute.api.resources import ROUTES
from pileus.compute.policy.resources import DEFAULTS
from pileus.core.http.microversion import show
from tests.compute.resources import compute

GUARDED = [route for route in ROUTES if route.policy is not None]
#: Rules that anybody with a token passes, whatever his roles.
OPEN = {rule for rule, default in DEFAULTS.items() if default.rule == "@"} | {r for r in DEFAULTS if "os-keypairs" in r}


def name(route):
    return f"{route.method} {route.path} {show(route.since or (2, 1))}"


def url(route):
    return "/compute" + re.sub(r"{\w+}", "x", route.path)


def test_every_route_has_a_rule_of_ours():
    assert [route for route in ROUTES if route.policy is None] == versions.ROUTES
    assert {route.policy for route in GUARDED} <= DEFAULTS.keys()


def test_every_change_is_about_a_route_there_is():
    policies = {route.policy for route in GUARDED}
    for change in CHANGES:
        assert change.on and change.on <= policies, change.title
        assert change.request or change.response or change.retire
    assert [change.version for change in CHANGES] == sorted(change.version for change in CHANGES)


@pytest.mark.parametrize("route", GUARDED, ids=name)
async def test_no_token_no_answer(route):
    async with compute() as c:
        nobody = c.harness.anonymous().with_headers(OpenStack_API_Version=f"compute {show(route.since or route.until or (2, 104))}")
        answer = await nobody.request(route.method, url(route), json={})
        assert answer.status == 401 and answer.json["unauthorized"]["code"] == 401


@pytest.mark.parametrize("route", GUARDED, ids=name)
async def test_a_token_without_roles_opens_nothing(route):
    async with compute() as c:
        harness, version = c.harness, show(route.since or route.until or (2, 104))
        stranger = harness.as_("service", user="stranger").with_headers(OpenStack_API_Version=f"compute {version}")
        answer = await stranger.request(route.method, url(route), json={})
        assert (answer.status == 403) != (route.policy in OPEN), answer.text


@pytest.mark.parametrize("route", [route for route in GUARDED if route.since or route.until], ids=name)
async def test_outside_of_its_versions_a_route_is_not_there(route):
    others = [r for r in ROUTES if (r.method, r.path) == (route.method, route.path)]
    async with compute() as c:
        for minor in range(1, 105):
            inside = any((r.since or (2, 1)) <= (2, minor) <= (r.until or (2, 104)) for r in others)
            if not inside:
                answer = await c.admin(f"2.{minor}").request(route.method, url(route), json={})
                assert answer.status == 404, minor
