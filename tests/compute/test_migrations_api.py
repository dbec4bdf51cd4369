"""The list of migrations: what is shown to whom, at which version, and how it is narrowed and paged."""

# SPDX-License-Identifier: Apache-2.0
from pileus.compute.model.migration import Migration
from pileus.core.context import EVERYONE

COMPUTE = "/compute/v2.1"


async def some(cloud, count=3):
    """Migrations of one server, a minute apart."""
    compute, clock = cloud.cloud.services.compute, cloud.cloud.kit.clock
    server = await compute.store.get(await cloud.boot(), EVERYONE)
    for n in range(count):
        now = clock.now()
        await compute.migrations.add(Migration(
            uuid=f"{n:08d}-0000-4000-8000-000000000000", server_id=server.id, project_id=server.project_id, user_id=server.user_id,
            type="live-migration" if n else "resize", status="running" if n else "confirmed", source_host="h1", dest_host=f"h{n + 2}",
            old_flavor=server.flavor, new_flavor=server.flavor, old_vm_state="active", created_at=now, updated_at=now))
        await cloud.settle(60)
    return server


async def listed(cloud, query="", version="2.104", who="pileus-admin"):
    caller = (await cloud.as_(who)).with_headers(OpenStack_API_Version=f"compute {version}")
    return await caller.get(f"{COMPUTE}/os-migrations{query}")


async def test_fields_come_with_their_versions(cloud):
    server = await some(cloud)
    old = (await listed(cloud, version="2.1")).json["migrations"][0]
    assert old["instance_uuid"] == server.id and old["source_compute"] == "h1" and old["dest_compute"] == "h4"
    assert not {"migration_type", "links", "uuid", "user_id"} & old.keys()
    assert old["id"] == 3 and old["status"] == "running"
    typed = (await listed(cloud, version="2.23")).json["migrations"]
    assert [m["migration_type"] for m in typed] == ["live-migration", "live-migration", "resize"]
    assert typed[0]["links"][0]["href"].endswith(f"/v2.1/servers/{server.id}/migrations/3") and "links" not in typed[2]
    assert "uuid" in (await listed(cloud, version="2.59")).json["migrations"][0]
    assert (await listed(cloud, version="2.80")).json["migrations"][0]["project_id"] == server.project_id


async def test_narrowed(cloud):
    server = await some(cloud)

    async def ids(query, version="2.104"):
        return [m["id"] for m in (await listed(cloud, query, version)).json["migrations"]]

    assert await ids("?status=confirmed") == [1] and await ids("?host=h3") == [2] and await ids("?source_compute=h3") == []
    assert await ids("?migration_type=live-migration") == [3, 2] and await ids(f"?instance_uuid={server.id}") == [3, 2, 1]
    assert await ids(f"?user_id={server.user_id}&project_id={server.project_id}") == [3, 2, 1] and await ids("?project_id=x") == []
    second = (await listed(cloud)).json["migrations"][1]["updated_at"]
    assert await ids(f"?changes-since={second}Z") == [3, 2] and await ids(f"?changes-before={second}Z") == [2, 1]
    assert (await listed(cloud, "?project_id=x", "2.79")).status == 400
    assert (await listed(cloud, "?changes-since=never")).status == 400
    assert (await listed(cloud, f"?changes-since={second}Z&changes-before=2001-01-01T00:00:00Z")).status == 400
    assert (await listed(cloud, "?instance_uuid=x")).status == 400
    assert await ids("?nonsense=1", "2.58") == [3, 2, 1] and (await listed(cloud, "?nonsense=1", "2.59")).status == 400


async def test_pages(cloud):
    await some(cloud)
    first = (await listed(cloud, "?limit=2")).json
    assert [m["id"] for m in first["migrations"]] == [3, 2]
    rest = first["migrations_links"][0]["href"].partition("?")[2]
    last = (await listed(cloud, f"?{rest}")).json
    assert [m["id"] for m in last["migrations"]] == [1] and "migrations_links" not in last
    assert (await listed(cloud, "?limit=0")).json == {"migrations": []}
    assert (await listed(cloud, "?marker=99999999-0000-4000-8000-000000000000")).status == 400


async def test_members_are_refused_and_managers_see_their_project_without_hosts(cloud):
    server = await some(cloud, 1)
    assert (await listed(cloud, who="pileus")).status == 403
    admin = await cloud.as_("pileus-admin")
    role = next(r["id"] for r in (await admin.get("/identity/v3/roles")).json["roles"] if r["name"] == "manager")
    for project, seen in ((server.project_id, 1), (await cloud.project("pileus-alt"), 0)):
        user = {"name": f"manager-of-{project}", "password": "secret", "domain_id": "default"}
        id = (await admin.post("/identity/v3/users", {"user": user})).json["user"]["id"]
        assert (await admin.put(f"/identity/v3/projects/{project}/users/{id}/roles/{role}")).status == 204
        manager = admin.with_headers()
        manager.token = (await admin.post("/identity/v3/auth/tokens", {"auth": {
            "scope": {"project": {"id": project}},
            "identity": {"methods": ["password"], "password": {"user": {"id": id, "password": "secret"}}}}})).headers["x-subject-token"]
        found = (await manager.get(f"{COMPUTE}/os-migrations")).json["migrations"]
        assert len(found) == seen and all(m["source_compute"] is None for m in found)
