"""Pages, truncation and filters of lists, the same for every resource."""

import pytest

from tests.identity.booted import V3, booted
from tests.identity.test_projects import create

KINDS = ("users", "groups", "projects", "domains", "roles", "services")


async def _walk(caller, path: str, kind: str) -> tuple[list[str], int]:
    """(ids of all pages, pages)."""
    seen, pages = [], 0
    while path:
        got = await caller.get(path)
        assert got.status == 200, got.text
        seen += [x["id"] for x in got.json[kind]]
        pages += 1
        path = got.json["links"]["next"]
        assert got.json.get("truncated", False) == bool(path)
        path = path and path[path.index(V3) :]
    return seen, pages


@pytest.mark.parametrize("kind", KINDS)
async def test_pages_hold_everything_once(keystone, kind):
    admin = await keystone.as_()
    for at in range(7):
        await create(admin, kind[:-1], **({"type": f"t{at}"} if kind == "services" else {"name": f"n{at}"}))
    everything = sorted(x["id"] for x in (await admin.get(f"{V3}/{kind}")).json[kind])
    for limit in (1, 3, len(everything), 1000):
        seen, pages = await _walk(admin, f"{V3}/{kind}?limit={limit}", kind)
        assert sorted(seen) == everything and pages == -(-len(everything) // limit)
    if kind != "services":
        filtered, _ = await _walk(admin, f"{V3}/{kind}?limit=2&name__startswith=n", kind)
        assert len(filtered) == 7
    assert (await admin.get(f"{V3}/{kind}?marker=nope")).status == 404
    for bad in ("-1", "x"):
        assert (await admin.get(f"{V3}/{kind}?limit={bad}")).status == 400


async def test_lists_are_truncated_as_configured():
    async with booted(list_limit=2, max_list_limit=3) as keystone:
        admin = await keystone.as_()
        for name in "abcde":
            await create(admin, "user", name=name)
        whole = await admin.get(f"{V3}/users")
        assert len(whole.json["users"]) == 2 and whole.json["truncated"] is True
        assert len((await admin.get(f"{V3}/users?limit=100")).json["users"]) == 3
        assert len((await _walk(admin, f"{V3}/users", "users"))[0]) == 6
        domain = await create(admin, "domain", name="d")
        await admin.put(f"{V3}/domains/{domain['id']}/config", {"config": {"identity": {"list_limit": 1}}})
        for name in "ab":
            await create(admin, "group", name=name, domain_id=domain["id"])
        assert len((await admin.get(f"{V3}/groups?domain_id={domain['id']}")).json["groups"]) == 1


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("name=Ann", ["Ann"]),
        ("name=ann", []),
        ("name__iequals=ann", ["Ann"]),
        ("name__contains=nn", ["Ann", "Hanna"]),
        ("name__icontains=AN", ["Ann", "Hanna"]),
        ("name__startswith=An", ["Ann"]),
        ("name__endswith=b", ["Bob"]),
        ("name__contains=%25", []),
        ("name__nonsense=x", ["Ann", "Bob", "Hanna", "admin"]),
        ("enabled=false", ["Bob"]),
        ("enabled", ["Ann", "Hanna", "admin"]),
        ("unknown=1&name=Bob", ["Bob"]),
    ],
)
async def test_filters(keystone, query, found):
    admin = await keystone.as_()
    for name in ("Ann", "Bob", "Hanna"):
        await create(admin, "user", name=name, enabled=name != "Bob")
    assert sorted(u["name"] for u in (await admin.get(f"{V3}/users?{query}")).json["users"]) == found
