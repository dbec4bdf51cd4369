"""Walks over the lists of the whole cloud: routes, policies, configuration."""

import pytest

from pileus.cloud import APIS, POLICY
from pileus.config import CloudConfig
from pileus.core.config import options
from pileus.core.policy import Policy
from tests.harness import Caller

ROUTES = [(api, route) for api in APIS for route in api.routes]
#: What anybody may see, by service: version documents, the way to a token, health.
PUBLIC = {"identity": 21, "image": 6, "placement": 2, "compute": 8, "network": 4, "pileus": 4, "console": 2}


def test_every_route_has_a_policy_that_exists():
    policy = Policy(POLICY)
    guarded = [(api, route) for api, route in ROUTES if route.policy is not None]
    missing = [f"{api.name} {route.method} {route.path}: {route.policy}" for api, route in guarded if route.policy not in policy]
    assert not missing


def test_few_routes_are_public():
    for api in APIS:
        public = [r.path for r in api.routes if r.policy is None]
        assert len(public) <= PUBLIC[api.name], public


def test_routes_are_unique():
    seen = set()
    for api, route in ROUTES:
        key = (api.root, route.method, route.path, route.since, route.until)
        assert key not in seen, key
        seen.add(key)


async def test_every_route_wants_a_token(cloud):
    caller = Caller(cloud.cloud.app, "")
    for api, route in ROUTES:
        if route.policy is None:
            continue
        path = (api.root + route.path)
        for part in ("{", "}"):
            path = path.replace(part, "")
        version = {"OpenStack-API-Version": f"{api.name} latest"} if api.microversions and (route.until is None) else {}
        got = await caller.request(route.method, path, headers=version)
        assert got.status == 401, f"{route.method} {path}: {got.status} {got.text[:200]}"


@pytest.mark.parametrize("section", CloudConfig.__struct_fields__[1:])
def test_every_option_is_documented(section):
    import msgspec

    kind = next(f.type for f in msgspec.structs.fields(CloudConfig) if f.name == section)
    assert not [name for name, _, _, text in options(kind) if not text]
