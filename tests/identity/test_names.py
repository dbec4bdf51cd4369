"""Names and ids (K27): what tells one from another, and what does not."""

import hashlib

import pytest

from pileus.core.context import Context
from pileus.core.policy import Default, Policy
from pileus.identity.service.directories import public_id
from tests.identity.booted import V3
from tests.identity.test_projects import create, names


def test_people_of_a_directory_are_called_as_keystone_calls_them():
    """SHA-256 of the domain, the kind and the name there, in this order: ids outlive the move from a Keystone."""
    assert public_id("d1", "ann") == hashlib.sha256(b"d1userann").hexdigest()
    assert public_id("d1", "ann", "group") == hashlib.sha256(b"d1groupann").hexdigest()
    assert len({public_id("d1", "ann"), public_id("d2", "ann"), public_id("d1", "ann", "group"), public_id("d1", "Ann")}) == 4


@pytest.mark.parametrize("kind", ["user", "group", "project", "domain", "role"])
async def test_names_keep_their_case_and_lose_the_blanks_around_them(keystone, kind):
    admin = await keystone.as_()
    made = await create(admin, kind, name="  Two Words ")
    assert made["name"] == "Two Words"
    assert (await admin.post(f"{V3}/{kind}s", {kind: {"name": "Two Words\t"}})).status == 409
    for query, found in (("?name=Two%20Words", True), ("?name__icontains=two%20w", True), ("?name__iequals=TWO%20WORDS", True)):
        assert (await names(admin, query, f"{kind}s") == ["Two Words"]) is found, query


async def test_one_name_in_two_domains_is_two(keystone):
    admin = await keystone.as_()
    other = (await create(admin, "domain", name="other"))["id"]
    ids = {(await create(admin, kind, name="same", domain_id=domain))["id"]
           for kind in ("user", "group", "project") for domain in ("default", other)}
    assert len(ids) == 6


@pytest.mark.parametrize("role", ["auditor", "Auditor", "AUDITOR"])
def test_rules_look_at_roles_whatever_their_case(role):
    """As oslo.policy does; a context has them in lower case."""
    policy = Policy({"x": Default(f"role:{role}")})
    assert policy.check("x", Context(user_id="u", roles=frozenset({"auditor"})), {})
    assert not policy.check("x", Context(user_id="u", roles=frozenset({"reader"})), {})


async def test_a_role_of_any_case_counts(keystone):
    admin = await keystone.as_()
    role = (await create(admin, "role", name="Auditor"))["id"]
    user, project = await keystone.member("ann")
    assert (await admin.put(f"{V3}/projects/{project}/users/{user}/roles/{role}")).status == 204
    token = await keystone.token("ann")
    assert "auditor" in (await keystone.identity.authenticate(token)).roles
    shown = (await admin.get(f"{V3}/auth/tokens", headers={"X-Subject-Token": token})).json["token"]
    assert "Auditor" in {r["name"] for r in shown["roles"]}, "shown as it was named"
