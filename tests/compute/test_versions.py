"""Every route of compute at the ends of its versions: there where it is, 404 where it is not, and never a crash."""

# SPDX-License-Identifier: Apache-2.0
import re
from collections import defaultdict

from pileus.compute.api import API, MICROVERSIONS
from pileus.core.http.microversion import show

NOBODY = "5b1bd9cb-4bd4-4d3e-a2dc-25bf5e8e9b8d"
LOW, HIGH = MICROVERSIONS.low, MICROVERSIONS.high
#: Answered to whoever asks: they say which versions there are.
OPEN = {"/", "/v2.1", "/v2", "/v2.0"}


def there(routes, version):
    return any((r.since or LOW) <= version <= (r.until or HIGH) for r in routes)


def ends(routes):
    """The first and the last version, and those around where a route begins or ends."""
    found = {LOW, HIGH}
    for route in routes:
        for major, minor in filter(None, (route.since, route.until)):
            found |= {(major, minor - 1), (major, minor), (major, minor + 1)}
    return sorted(v for v in found if LOW <= v <= HIGH)


async def test_every_route_at_the_ends_of_its_versions(cloud):
    admin = await cloud.as_("pileus-admin")
    by_path = defaultdict(list)
    for route in API.routes:
        by_path[route.method, route.path].append(route)
    asked, wrong = 0, []
    for (method, path), routes in by_path.items():
        if path in OPEN or (method == "DELETE" and "{" not in path):
            continue
        url = API.root + re.sub(r"{\w+}", NOBODY, path)
        for version in ends(routes):
            caller = admin.with_headers(OpenStack_API_Version=f"compute {show(version)}")
            got = await caller.request(method, url, **({"json": {}} if method in ("POST", "PUT") else {}))
            asked += 1
            routed = "The resource could not be found" not in got.text
            if got.status >= 500 or (not there(routes, version) and got.status != 404):
                wrong.append((method, path, show(version), got.status, got.text[:120]))
            if there(routes, version) and got.status == 404 and "{" not in path and not routed:
                wrong.append((method, path, show(version), "is not there"))
            if got.headers.get("openstack-api-version") != f"compute {show(version)}" or "OpenStack-API-Version" not in got.headers["vary"]:
                wrong.append((method, path, show(version), "does not say its version"))
    assert not wrong
    assert asked > 400


async def test_versions_that_there_are_not(cloud):
    admin = await cloud.as_("pileus-admin")
    for version, status in (
            ("2.105", 406), ("3.0", 406), ("2.0", 406), ("1.1", 406), ("2.01", 400), ("two", 400), ("2", 400), ("latest", 200)):
        got = await admin.with_headers(OpenStack_API_Version=f"compute {version}").get("/compute/v2.1/flavors")
        assert got.status == status, (version, got.text)
        old = await admin.with_headers(X_OpenStack_Nova_API_Version=version).get("/compute/v2.1/flavors")
        assert old.status == status, version


#: Proxies and extensions that upstream removed: with their first version without, or from every version.
GONE = ("os-cells", "os-fping", "os-agents", "os-cloudpipe", "os-fixed-ips", "os-floating-ips-bulk", "os-floating-ip-dns",
        "os-virtual-interfaces", "os-certificates", "os-coverage", "os-interfaces")


async def test_what_upstream_removed_is_not_there(cloud):
    admin = await cloud.as_("pileus-admin")
    for name in GONE:
        for version in ("2.1", "2.104"):
            got = await admin.with_headers(OpenStack_API_Version=f"compute {version}").get(f"/compute/v2.1/{name}")
            assert got.status in (404, 405, 410), (name, version, got.text)


async def test_parameters_that_nobody_knows_are_refused(cloud):
    """By servers' lists since 2.75, by all since 2.102; tags never minded, and what is gone is gone."""
    admin = await cloud.as_("pileus-admin")
    latest = admin.with_headers(OpenStack_API_Version="compute 2.104")
    for route in API.routes:
        if route.method != "GET" or route.policy in (None, "os_compute_api:removed") or route.until is not None or "/tags" in route.path:
            continue
        path = API.root + re.sub(r"{\w+}", NOBODY, route.path) + "?surprise=1"
        got = await latest.get(path)
        assert got.status == 400 or (got.status == 404 and "/servers" not in route.path), (route.path, got.status, got.text)
