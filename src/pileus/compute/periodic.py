"""What compute's control plane looks after by itself."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import timedelta

from pileus.compute.errors import ServerNotFound
from pileus.compute.model.migration import OPEN
from pileus.compute.model.server import BUILDING, DELETING, ERROR, Fault
from pileus.compute.sagas.delete_server import DELETE_SERVER, DeleteServer
from pileus.compute.service.compute import Compute
from pileus.compute.service.hosts import NODE
from pileus.compute.store.servers import ServerFilter
from pileus.core.context import EVERYONE
from pileus.core.errors import CloudError
from pileus.core.log import Log
from pileus.core.periodic import Periodic
from pileus.placement.query import Filters

log = Log("pileus.compute.periodic")

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


async def heal_allocations(compute: Compute) -> str | None:
    """Hold in placement what servers take and placement does not know of. A host that is full stays so, and is told of."""
    placement, healed, missing = compute.scheduling.placement, 0, []
    holders = {consumer for host in await compute.hosts.all() for consumer in await placement.allocations_on(host.id)}
    for seat in await compute.store.seats():
        if seat.id not in holders and not await compute.kit.sagas.open(seat.id):
            missing.append(seat.id)
    for server_id in missing:
        server = await compute.store.find(server_id)
        if server is None or server.host_id is None or server.deleted_at is not None:
            continue
        try:
            amounts = await compute.scheduling.amounts(server, server.host_id)
            await placement.claim(server.id, amounts, project_id=server.project_id, user_id=server.user_id)
            healed += 1
        except CloudError as refused:
            log.warning("a server's host has no room for what it takes", server=server.id, host=server.host, error=str(refused))
    return f"healed {healed} of {len(missing)}" if missing else None


async def drop_orphaned_nodes(compute: Compute) -> str | None:
    """Have placement forget compute nodes of which there is no host any more. One that still holds something is told of and stays."""
    placement, known, dropped = compute.scheduling.placement, {host.id for host in await compute.hosts.all()}, 0
    for provider in await placement.list_providers(Filters(required=(frozenset({NODE}),))):
        if provider.parent_id is None and provider.id not in known:
            try:
                await placement.delete_provider(provider.id)
                dropped += 1
            except CloudError as refused:
                log.warning("a compute node without a host cannot be dropped", node=provider.name, error=str(refused))
    return f"dropped {dropped}" if dropped else None


async def time_out_builds(compute: Compute) -> str | None:
    """End builds that take longer than the configuration allows: what they made is undone, the server says why."""
    timeout, now, ended = compute.config.build_timeout_s, compute.kit.clock.now(), 0
    if not timeout:
        return None
    for server in await compute.store.list(ServerFilter(scope=EVERYONE, vm_states=[BUILDING])):
        if server.created_at + timedelta(seconds=timeout) < now and server.task_state != DELETING:
            await compute.kit.sagas.abort(server.id)
            fault = Fault(code=500, message=f"The build took longer than {timeout:g} seconds.", created=now)
            ended += await compute.store.fail(server.id, compute.kit.clock.now(), fault)
    return f"ended {ended}" if ended else None


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


async def reclaim_deleted(compute: Compute) -> str | None:
    """Delete for good what was deleted softly, long enough ago. Also when the option was taken back since."""
    reclaimed = await compute.servers.reclaim(timedelta(seconds=compute.config.reclaim_interval_s))
    return f"reclaimed {reclaimed}" if reclaimed else None


async def resume_sagas(compute: Compute) -> str | None:
    """Take up what a conductor that is gone left behind, and retry undos that failed."""
    return await compute.kit.sagas.resume()


async def heal_interfaces(compute: Compute) -> str | None:
    """Servers have the interfaces that the network service has ports for, and no others (Nova's heal of network information)."""
    gone = await compute.interfaces.heal()
    return f"{gone} gone" if gone else None


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
    Periodic(time_out_builds, every_s=60),
    Periodic(drop_allocations_of_nobody, every_s=3600),
    Periodic(heal_allocations, every_s=3600),
    Periodic(drop_orphaned_nodes, every_s=300),
    Periodic(heal_interfaces, every_s=300),
    Periodic(drop_console_tokens, every_s=300),
    Periodic(audit_usage, every_s=600),
    Periodic(confirm_resizes, every_s=60),
    Periodic(offload_shelved, every_s=60),
    Periodic(reclaim_deleted, every_s=60),
]
