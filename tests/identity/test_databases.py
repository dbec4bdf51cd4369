"""The same tests on the other databases. Time is real here, so only those that do not wait."""

import asyncio
import importlib
import inspect

import pytest
import sqlalchemy as sa

from pileus.core.db import METADATA, Database
from tests.identity.booted import V3, booted

pytestmark = [pytest.mark.database, pytest.mark.realtime]

MODULES = (
    "access",
    "catalog",
    "projects",
    "revocation",
    "roles",
    "users",
    "endpoint_filters",
    "endpoint_policies",
    "limits",
    "domain_configs",
    "federation",
    "lists",
    "oauth2",
    "sealing",
    "federated_users",
    "factors",
    "redelegation",
    "bad_input",
)


def found():
    """(module, name) of the tests that take nothing but the fixture and let no time pass."""
    for module in MODULES:
        loaded = importlib.import_module(f"tests.identity.test_{module}")
        for name, test in inspect.getmembers(loaded, inspect.iscoroutinefunction):
            if (
                name.startswith("test_")
                and list(inspect.signature(test).parameters) in (["keystone"], ["fronted"])
                and "asyncio.sleep" not in inspect.getsource(test)
            ):
                yield test


async def _empty(url: str) -> None:
    """Quicker than a new schema for every test."""
    db = await Database.open(url)
    await db.create_schema()
    async with db.transaction():
        if db.dialect == "mysql":
            await db.execute(sa.text("SET FOREIGN_KEY_CHECKS = 0"))
        for table in reversed(METADATA.sorted_tables):
            await db.execute(table.delete())
    await db.close()


def test_every_test_that_can(database_url):
    tests = list(found())
    assert len(tests) > 25

    async def one(test):
        await _empty(database_url)
        fronted = "fronted" in inspect.signature(test).parameters
        async with booted(database_url, trusted_proxies=("127.0.0.0/8",) if fronted else ()) as it:
            await test(it)

    failed = []
    for test in tests:
        try:
            asyncio.run(one(test))
        except Exception as problem:
            failed.append(f"{test.__module__}.{test.__name__}: {problem!r}"[:2000])
    assert not failed, "\n".join(failed)


async def test_changes_at_once_do_not_lose_each_other(database_url):
    """Many clients change one project, one user and the generation together: nobody's change is lost, every one counts."""
    await _empty(database_url)
    async with booted(database_url) as keystone:
        project = (await keystone.identity.ensure_project("p")).id
        admin = await keystone.as_()
        before = (await keystone.identity.core.generations.read())["tokens"]
        got = await asyncio.gather(
            *(admin.patch(f"{V3}/projects/{project}", {"project": {f"k{n}": n}}) for n in range(12)),
            *(admin.put(f"{V3}/projects/{project}/tags/t{n}") for n in range(12)),
            *(admin.patch(f"{V3}/projects/{project}", {"project": {"name": f"p{n}"}}) for n in range(12)),
        )
        assert {a.status for a in got} == {200, 201}, [a.text for a in got if a.status > 201]
        after = (await admin.get(f"{V3}/projects/{project}")).json["project"]
        assert {after[f"k{n}"] for n in range(12)} == set(range(12)) and len(after["tags"]) == 12
        assert (await keystone.identity.core.generations.read())["tokens"] == before + 12
        taken = await asyncio.gather(*(admin.post(f"{V3}/users", {"user": {"name": "same"}}) for _ in range(8)))
        assert sorted(a.status for a in taken) == [201] + [409] * 7
