"""What the cloud says of itself: the root document, `/healthz`, `/metrics`, and `/status` for administrators."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus import __version__
from pileus.core.clock import iso
from pileus.core.errors import CloudError
from pileus.core.http import Api, Reply, Request, Route

SERVICES = ("identity", "image", "placement", "compute", "network")


async def root(req: Request):
    return {"pileus": __version__, "services": {name: req.url(f"/{name}") for name in SERVICES}}


async def health(req: Request):
    """200 when the database answers."""
    await req.services.kit.sagas.open("-")
    return {"status": "ok"}


async def metrics(req: Request):
    return Reply(200, data=req.services.kit.metrics.text(), content_type="text/plain; version=0.0.4")


async def status(req: Request):
    """Hosts, periodic tasks with their last results, and open long operations."""
    services, now = req.services, req.services.kit.clock.now()
    hosts = [{"host": h.host, "up": services.compute.hosts.is_up(h, now), "enabled": not h.disabled, "type": h.inventory.hypervisor_type,
              "guests": h.running_vms, "reported_at": iso(h.reported_at)} for h in await services.compute.hosts.all()]
    tasks = [{"owner": t.owner, "task": t.name, "every_s": t.every_s, "runs": t.runs, "last": iso(t.started_at),
              "seconds": round(t.seconds, 3), "result": t.result, "error": t.error} for t in services.kit.ticker.last]
    sagas = [{"saga": e.saga, "subject": e.subject, "step": e.at, "undoing": e.why is not None, "begun_at": iso(e.begun_at)}
             for e in await services.kit.sagas.open()]
    return {"version": __version__, "database": services.kit.db.dialect, "hosts": hosts, "periodic_tasks": tasks, "operations": sagas}


async def explain(req: Request, server_id: str):
    """Where a server like this one could go now, and why not elsewhere."""
    services = req.services
    server = await services.compute.servers.get(server_id, req.who)
    found = await services.compute.scheduling.explain(server)
    return {"server": server.id, "host": server.host, "fault": server.fault.message if server.fault else None, "removed": found.removed,
            "traits": found.traits,
            "hosts": [msgspec.to_builtins(host) for host in found.hosts]}


def render(error: CloudError, req: Request) -> tuple[dict[str, str], Any]:
    return {}, {"error": {"code": error.status, "message": str(error)}}


API = Api(name="pileus", root="", render=render, routes=[
    Route("GET", "/", root),
    Route("GET", "/healthz", health),
    Route("GET", "/metrics", metrics),
    Route("GET", "/status", status, policy="admin_required"),
    Route("GET", "/status/scheduler/{server_id}", explain, policy="admin_required"),
])
