"""What compute's control plane looks after by itself."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import timedelta

from pileus.compute.errors import ServerNotFound
from pileus.compute.model.migration import OPEN
from pileus.compute.model.server import BUILDING, DELETING, ERROR, Fault
from pileus.compute.sagas.delete_server import DELETE_SERVER, DeleteServer
from pileus.compute.service.compute import Compute
from pileus.core.context import EVERYONE
from pileus.core.periodic import Periodic

#: How long a server may be in a task that no saga is working on.
STUCK = timedelta(seconds=120)


async def free_stuck_servers(compute: Compute) -> str | None:
    """End the tasks of servers that nobody works on any more: a build is an ERROR, a delete begins anew."""
    now, freed = compute.kit.clock.now(), 0
    for server in await compute.store.stuck(now - STUCK):
        if await compute.kit.sagas.open(server.id):
            continue
        assert server.task_state is not None
        freed += 1
        if server.task_state == DELETING:
            async with compute.kit.db.transaction():
                await compute.kit.sagas.begin(DELETE_SERVER, server.id, DeleteServer(server_id=server.id, request_id=""))
        elif server.vm_state == BUILDING:
            fault = Fault(code=500, message="The build was interrupted.", created=now)
            await compute.store.end_task(server.id, now, server.task_state, vm_state=ERROR, fault=fault)
        else:
            await compute.store.end_task(server.id, now, server.task_state)
    return f"freed {freed}" if freed else None


async def drop_allocations_of_nobody(compute: Compute) -> str | None:
    """Give back what placement holds for servers that are gone."""
    dropped = 0
    for host in await compute.hosts.all():
        for consumer in await compute.scheduling.placement.allocations_on(host.id):
            try:
                await compute.store.get(consumer, EVERYONE)
            except ServerNotFound:
                migration = await compute.migrations.find(consumer)
                if migration is not None and migration.status in OPEN:
                    continue
                if not await compute.kit.sagas.open(consumer):
                    await compute.scheduling.placement.release(consumer)
                    dropped += 1
    return f"dropped {dropped}" if dropped else None


async def confirm_resizes(compute: Compute) -> str | None:
    """Confirm what has waited for longer than the configuration allows."""
    window = compute.config.resize_confirm_window_s
    confirmed = await compute.resizes.confirm_waiting(timedelta(seconds=window)) if window else 0
    return f"confirmed {confirmed}" if confirmed else None


async def offload_shelved(compute: Compute) -> str | None:
    """Have hosts forget servers that have been shelved for long; also those that could not be offloaded at once."""
    after = compute.config.shelved_offload_time_s
    offloaded = await compute.shelving.offload_waiting(timedelta(seconds=max(after, 60))) if after >= 0 else 0
    return f"offloaded {offloaded}" if offloaded else None


async def resume_sagas(compute: Compute) -> str | None:
    """Take up what a conductor that is gone left behind, and retry undos that failed."""
    return await compute.kit.sagas.resume()


async def drop_console_tokens(compute: Compute) -> str | None:
    """Forget links to consoles that can no longer be opened."""
    dropped = await compute.consoles.drop_expired()
    return f"{dropped} expired" if dropped else None


async def audit_usage(compute: Compute) -> str | None:
    """Count the servers of the last month, or what is configured, once per host."""
    made = await compute.audits.run()
    return f"audited {made} hosts" if made else None


PERIODIC = [
    Periodic(resume_sagas, every_s=10),
    Periodic(free_stuck_servers, every_s=60),
    Periodic(drop_allocations_of_nobody, every_s=3600),
    Periodic(drop_console_tokens, every_s=300),
    Periodic(audit_usage, every_s=600),
    Periodic(confirm_resizes, every_s=60),
    Periodic(offload_shelved, every_s=60),
]
