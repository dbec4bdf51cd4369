"""What makes no sense, to every route: a clear refusal or something that can be stored, never an error of ours."""

import re

from pileus.identity.api import API
from tests.identity.test_access import ids

#: What each body holds when it is right; each field is then replaced by each of the values.
BODIES = {
    "domain": {"name": "x", "description": "", "enabled": True, "options": {}},
    "project": {"name": "x", "description": "", "parent_id": None, "tags": [], "options": {}},
    "user": {"name": "x", "domain_id": "default", "default_project_id": None, "password": "p", "options": {}},
    "group": {"name": "x", "description": ""},
    "role": {"name": "x", "domain_id": None, "options": {}},
    "service": {"type": "x", "name": "x"},
    "endpoint": {"interface": "public", "service_id": "x", "url": "http://x", "region_id": "r"},
    "region": {"id": "x", "parent_region_id": None, "description": ""},
    "policy": {"type": "x", "blob": "{}"},
    "credential": {"user_id": "x", "type": "x", "blob": "x", "project_id": "x"},
    "endpoint_group": {"name": "x", "filters": {}},
    "consumer": {"description": "x"},
    "config": {"ldap": {"url": "x"}},
    "registered_limits": [{"service_id": "x", "resource_name": "x", "default_limit": 1}],
    "limits": [{"service_id": "x", "resource_name": "x", "resource_limit": 1, "project_id": "x"}],
    "limit": {"resource_limit": 1},
    "registered_limit": {"resource_name": "x"},
    "identity_provider": {"description": "x", "remote_ids": ["a"], "domain_id": "default"},
    "protocol": {"mapping_id": "x", "remote_id_attribute": "x"},
    "mapping": {"rules": [{"local": [{}], "remote": [{"type": "x"}]}], "schema_version": "1.0"},
    "service_provider": {"auth_url": "http://x", "sp_url": "http://x"},
    "tags": ["x"],
    "trust": {"trustor_user_id": "x", "trustee_user_id": "x", "project_id": "x", "impersonation": False, "roles": []},
}
VALUES = ("", "\0", "n" * 65, "n" * 256, "n" * 70_000, "\U0001f600", 2**70, None, [], {}, "' OR 1=1 --")
QUERIES = ("name=%00", "name__contains=%25_", "limit=99999999999999999999", "marker=" + "m" * 300, "enabled=%ff", "user.id='")
PARTS = ("%00", "n" * 300, "%ff", "%F0%9F%98%80", "'")


def bodies(wanted: tuple[str, ...]):
    for key in wanted:
        right = BODIES.get(key, {})
        yield from ({key: value} for value in VALUES)
        if isinstance(right, dict):
            yield from ({key: right | {field: value}} for field in (*right, "foreign") for value in VALUES)
        else:
            yield from ({key: [value]} for value in VALUES)
            if isinstance(right[0], dict):
                yield from ({key: [right[0] | {field: value}]} for field in right[0] for value in VALUES)


def requests(known: dict[str, str]):
    def fill(path: str, **other: str) -> str:
        return "/identity" + re.sub(r"{(\w+)}", lambda m: other.get(m[1], known.get(m[1], "missing")), path)

    for route in API.routes:
        if route.policy is None or "/auth/" in route.path:
            continue
        if route.body is not None:
            yield from ((route.method, fill(route.path), body) for body in bodies(route.body.__struct_encode_fields__))
        elif route.method == "GET" and "{" not in route.path:
            yield from ((route.method, f"{fill(route.path)}?{query}", None) for query in QUERIES)
        for name in re.findall(r"{(\w+)}", route.path):
            if route.method in ("GET", "PUT", "DELETE"):
                yield from ((route.method, fill(route.path, **{name: part}), None) for part in PARTS)


async def test_nonsense_is_refused_and_never_an_error_of_ours(keystone):
    known = await ids(keystone)
    admin = await keystone.as_()
    sent, wrong = 0, []
    for method, path, body in requests(known):
        got = await admin.request(method, path, json=body)
        sent += 1
        if got.status >= 500 or (got.status >= 400 and method != "HEAD" and got.json["error"]["code"] != got.status):
            wrong.append((method, path[:120], str(body)[:120], got.status))
    assert sent > 3000 and not wrong, wrong[:20]
    assert await keystone.works(admin.token)


BOMB = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "%s"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY p SYSTEM "file:///etc/passwd">]><x>&b;&p;</x>'


async def test_OSSA_2013_004_nobody_reads_XML(keystone):
    """Row 57 of the list of advisories: no route that takes a body looks into entities, whatever it is told the body is."""
    known = await ids(keystone)
    admin = await keystone.as_()
    taking = [r for r in API.routes if r.body is not None]
    assert len(taking) > 40
    for route in taking:
        for kind in ("application/xml", "text/xml", "application/json", "text/plain"):
            headers = {"Content-Type": kind, "X-Subject-Token": admin.token}
            path = "/identity" + re.sub(r"{(\w+)}", lambda m: known.get(m[1], "x"), route.path)
            got = await admin.request(route.method, path, body=BOMB % (b"a" * 10_000), headers=headers)
            assert got.status in (400, 403, 404, 415) and "root:" not in got.text, (route.method, route.path, kind, got.text)
