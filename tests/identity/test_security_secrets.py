"""Secrets that a log, an answer or another service's request could tell: rows 22 and 38 of the list of advisories.

What is logged while any test runs is looked at by `tests/logged.py`.
"""

import io
import logging
import sys

import pytest

from pileus.core import log as logs
from pileus.identity.api import API
from tests.harness import Caller
from tests.identity.test_access import ids
from tests.identity.test_security import HEADERS

CANARY = "c4n4ryInTheC0alMine"
PROOFS = {
    "methods": ["password", "token", "totp", "application_credential"],
    "password": {"user": {"name": "ann", "domain": {"id": "default"}, "password": CANARY}},
    "token": {"id": "gAAAAABr" + CANARY * 8},
    "totp": {"user": {"name": "ann", "domain": {"id": "default"}, "passcode": CANARY}},
    "application_credential": {"id": "0" * 32, "secret": CANARY},
}
BODIES = {
    "auth": {"identity": PROOFS},
    "user": {"name": "x", "password": CANARY, "original_password": CANARY},
    "credential": {"user_id": "x", "type": "totp", "blob": CANARY},
    "credentials": {"access": "x", "signature": CANARY, "token": CANARY},
    "application_credential": {"name": "x", "secret": CANARY},
    "config": {"ldap": {"url": "ldap://127.0.0.1:1", "password": CANARY}},
    "consumer": {"description": "x", "secret": CANARY},
    "tenant_id": "x",
}
SENT = {
    "X-Subject-Token": "gAAAAABr" + CANARY * 8, "X-Service-Token": CANARY, "OpenStack-Auth-Receipt": CANARY, "Cookie": CANARY,
    "Authorization": f"Bearer {CANARY}",
}


@pytest.fixture
def written():
    """All that a cloud that runs at level DEBUG would write on standard error."""
    root, out = logging.getLogger(), io.StringIO()
    handlers, level, stderr = root.handlers[:], root.level, sys.stderr
    sys.stderr = out
    try:
        logs.setup(level="DEBUG")
        yield out
    finally:
        root.handlers[:], sys.stderr = handlers, stderr
        root.setLevel(level)


async def everything(keystone, caller, known) -> list[str]:
    """What is answered to secrets in every place of every request."""
    told = []
    for route in API.routes:
        url = "/identity" + route.path.format_map(_Missing(known))
        got = await caller.request(route.method, url, json=BODIES if route.method in ("POST", "PUT", "PATCH") else None, headers=SENT)
        told.append(got.text)
    return told


class _Missing(dict):
    def __missing__(self, key):
        return "missing"


async def test_OSSA_2020_001_secrets_of_requests_reach_no_log_and_no_answer(keystone, written):
    """Row 38 (and OSSA-2017-001, OSSA-2015-008): whoever asks, and also when everything breaks in the middle."""
    known, admin = await ids(keystone), await keystone.as_()
    told = [t for caller in (keystone.anonymous, admin) for t in await everything(keystone, caller, known)]
    keystone.identity.core.db.one = keystone.identity.core.db.all = broken
    for proof in ("password", "totp", "application_credential", "token"):
        got = await keystone.login(PROOFS | {"methods": [proof]})
        assert got.status in (401, 404, 500)
        told.append(got.text)
    assert "unexpected error" in written.getvalue()
    shown = [t for t in told if CANARY in t]
    # Who makes a credential, or sets a domain's configuration, is shown what they made; nothing else says it back.
    assert all('"blob"' in t or '"secret"' in t for t in shown), shown[:3]
    assert CANARY not in written.getvalue() and admin.token not in written.getvalue()


async def broken(statement, *_, **__):
    raise RuntimeError(f"disk on fire while password={CANARY!r} and token: {CANARY}")


async def test_OSSA_2026_001_no_service_believes_identity_headers(cloud):
    """Row 22: the whole cloud asks its own identity who somebody is, whatever a request says about itself."""
    admin = await cloud.as_("pileus-admin")
    project = await cloud.project()
    member = await cloud.as_()
    places = ("/compute/v2.1/servers", "/compute/v2.1/os-hypervisors", "/image/v2/images", "/network/v2.0/networks",
              "/placement/resource_providers", "/v1/AUTH_" + project, "/identity/v3/users")
    forged = HEADERS | {"X-Project-Id": project, "X-Tenant-Id": project, "X-User-Id": "admin"}
    for path in places:
        assert (await Caller(cloud.cloud.app, "").get(path, headers=forged)).status == 401, path
        honest, lying = await member.get(path), await member.get(path, headers=forged)
        assert lying.status == honest.status, path
    for path in ("/compute/v2.1/os-hypervisors", "/placement/resource_providers", "/identity/v3/users"):
        assert (await member.get(path, headers=forged)).status == 403 and (await admin.get(path)).status == 200, path
