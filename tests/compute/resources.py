"""Compute's resources without its servers, behind HTTP: what the tests of this folder speak to."""

from contextlib import asynccontextmanager
from types import SimpleNamespace

import sqlalchemy as sa

from pileus.compute.api.changes.resources import CHANGES
from pileus.compute.api.errors import render
from pileus.compute.api.resources import ROUTES
from pileus.compute.config import ComputeConfig
from pileus.compute.model.flavor import Flavor
from pileus.compute.policy.resources import DEFAULTS
from pileus.compute.service.resources import Resources
from pileus.compute.store.tables import servers
from pileus.core.http import Api, Microversions
from tests.harness import Harness, make_kit

API = Api(
    name="compute",
    root="/compute",
    routes=ROUTES,
    render=render,
    microversions=Microversions("compute", (2, 1), (2, 104), CHANGES, legacy_header="x-openstack-nova-api-version"),
)
ROOT = "/compute/v2.1"


class Compute(SimpleNamespace):
    """A service on a fresh database, with its callers."""

    def caller(self, role, version="2.104", **kw):
        return self.harness.as_(role, **kw).with_headers(**{"OpenStack_API_Version": f"compute {version}"})

    def admin(self, version="2.104", **kw):
        return self.caller("admin", version, **kw)

    def member(self, version="2.104", **kw):
        return self.caller("member", version, **kw)


@asynccontextmanager
async def compute(config=None):
    kit = await make_kit(DEFAULTS)
    resources = Resources(kit, config or ComputeConfig())
    yield Compute(kit=kit, resources=resources, harness=Harness([API], kit, SimpleNamespace(compute=resources)))
    await kit.db.close()


#: What is the same of all of them.
ROW = {
    "name": "server", "hostname": "server", "vm_state": "active", "power_state": 1, "progress": 0, "host": None, "flavor_id": "f",
    "metadata": {}, "system_metadata": {}, "tags": [], "config_drive": False, "disk_config": "AUTO", "reservation_id": "r",
    "launch_index": 0, "security_groups": [], "scheduler_hints": {}, "nics": [], "launched_at": None,
}


async def a_server(c, *, project="p1", user="user-of-p1", vcpus=1, memory_mb=64, root_gib=1, **row):
    """A row of a server, for what counts servers. Returns its id."""
    now, id = c.kit.clock.now(), c.kit.ids.uuid()
    number = (await c.kit.db.scalar(sa.select(sa.func.max(servers.c.number))) or 0) + 1
    flavor = Flavor(id="f", name="tiny", vcpus=vcpus, memory_mb=memory_mb, root_gib=root_gib)
    await c.kit.db.insert(servers, ROW | {
        "id": id, "number": number, "project_id": project, "user_id": user, "flavor": flavor, "vcpus": vcpus, "memory_mb": memory_mb,
        "created_at": now, "updated_at": now} | row)
    return id


async def deleted(c, id):
    """The end of such a server."""
    now = c.kit.clock.now()
    await c.kit.db.execute(servers.update().where(servers.c.id == id).values(deleted_at=now, terminated_at=now))
