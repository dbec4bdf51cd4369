"""Servers: ordering them, finding them, and beginning what is done to them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import builtins
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

from pileus.compute.config import ComputeConfig
from pileus.compute.errors import (
    ComputeOverQuota,
    HostNotFound,
    InvalidInput,
    ServerInWrongState,
    ServerLocked,
    ServerNotFound,
    ServerNotReady,
    ZoneNotPinnable,
)
from pileus.compute.interface import ComputeAgent
from pileus.compute.model import hardware
from pileus.compute.model.flavor import Flavor
from pileus.compute.model.order import ServerOrder
from pileus.compute.model.quota import over
from pileus.compute.model.server import ACTIONS, BUILDING, DELETING, SOFT_DELETED, Nic, Server
from pileus.compute.sagas.create_server import CREATE_SERVER, CreateServer
from pileus.compute.sagas.delete_server import DELETE_SERVER, DeleteServer
from pileus.compute.sagas.guest import image_properties, image_ref, remembered, wants_drive
from pileus.compute.sagas.power import CHANGE_POWER, ChangePower
from pileus.compute.service.resources import Resources
from pileus.compute.service.scheduling import Scheduling
from pileus.compute.store.records import Records
from pileus.compute.store.servers import ServerFilter
from pileus.core.context import EVERYONE, Context, on_its_own
from pileus.core.errors import Forbidden, Invalid, NotFound
from pileus.core.kit import Kit

#: Of ACTIONS, what a server that is on no host is there for.
WITHOUT_HOST = frozenset({"unshelve"})


class Servers:
    def __init__(self, kit: Kit, config: ComputeConfig, *, resources: Resources, records: Records, scheduling: Scheduling, images: Any,
                 network: Any):
        self.kit, self.config, self.resources, self.records = kit, config, resources, records
        self.scheduling, self.images, self.network = scheduling, images, network
        self.store, self.actions = records.servers, records.actions

    # ---- ordering ----------------------------------------------------------------------------------------------------
    async def create(self, who: Context, order: ServerOrder) -> tuple[list[Server], str]:
        """Accept an order: rows, quotas and sagas in one transaction. Returns the servers and their reservation's id.

        Raises Invalid, NotFound, Conflict or ComputeOverQuota, and then nothing was made."""
        _check_many(order)
        image = await self.image(who, order.image_id)
        flavor = await self._flavor(who, order, image)
        order.local_disks.check(flavor)
        key = await self.key(who.user_id, order.key_name)
        await self._check_placement(who, order)
        destination = await self._destination(order)
        await self.check_metadata(who, order.metadata)
        await self.check_files(who, order.files)
        planned = await self.network.plan(who, order.networks, security_groups=order.security_groups)
        if order.max_count > 1 and any(p.port_id or p.fixed_ip for p in planned):
            raise InvalidInput(reason="Multiple servers cannot be created with one port or one fixed address.")
        now, reservation = self.kit.clock.now(), "r-" + self.kit.ids.hex()[:8]
        made: list[Server] = []
        async with self.kit.db.transaction():
            count = await self._affordable(who, order, flavor, ports=sum(p.port_id is None for p in planned))
            for index in range(count):
                server = await self.store.add(Server(
                    id=self.kit.ids.uuid(), number=0, project_id=who.project_id or "", user_id=who.user_id or "",
                    name=order.name if count == 1 else f"{order.name}-{index + 1}",
                    hostname=order.hostname or hostname(order.name if count == 1 else f"{order.name}-{index + 1}"),
                    description=order.description, pinned_zone=order.availability_zone, availability_zone=order.availability_zone,
                    image_id=image.id, flavor=flavor, flavor_id=flavor.id, vcpus=flavor.vcpus, memory_mb=flavor.memory_mb,
                    key_name=order.key_name, public_key=key.public_key if key else None, metadata=order.metadata,
                    system_metadata=remembered(image) | order.local_disks.remembered(), tags=list(order.tags),
                    user_data=order.user_data, config_drive=order.config_drive or wants_drive(image),
                    access_ip_v4=order.access_ip_v4, access_ip_v6=order.access_ip_v6, disk_config=order.disk_config,
                    reservation_id=reservation, launch_index=index,
                    security_groups=list(order.security_groups), scheduler_hints=order.scheduler_hints,
                    trusted_image_certificates=order.trusted_image_certificates,
                    nics=[Nic(port_id=p.port_id or self.kit.ids.uuid(), network_id=p.network_id, existing=p.port_id is not None,
                              fixed_ip=p.fixed_ip, tag=p.tag) for p in planned],
                    created_at=now, updated_at=now))
                if group := order.scheduler_hints.get("group"):
                    await self.resources.server_groups.add_member(group, server.id)
                await self.actions.begin(server.id, "create", who)
                await self.kit.sagas.begin(CREATE_SERVER, server.id, CreateServer(
                    server_id=server.id, request_id=who.request_id, image=image_ref(image), image_properties=image_properties(image),
                    admin_pass=order.admin_pass, files=order.files, force_host=order.force_host, force_node=order.force_node,
                    destination=destination))
                made.append(server)
        return made, reservation

    async def image(self, who: Context, image_id: str) -> Any:
        """An image that a server can be made of. Raises InvalidInput."""
        try:
            image = await self.images.get(image_id, who.scope)
        except NotFound as absent:
            raise InvalidInput(reason=f"Image {image_id} could not be found.") from absent
        if image.status != "active":
            raise InvalidInput(reason=f"Image {image.id} is not active.")
        return image

    async def key(self, user_id: str | None, name: str | None) -> Any:
        """A user's key pair; None for no name. Raises Invalid."""
        if name is None:
            return None
        try:
            return await self.resources.keypairs.get(user_id or "", name)
        except NotFound as absent:
            raise Invalid("Invalid key_name provided.") from absent

    async def _flavor(self, who: Context, order: ServerOrder, image: Any) -> Any:
        try:
            flavor = await self.resources.flavors.get(order.flavor_id, who)
        except NotFound as absent:
            raise InvalidInput(reason=f"Flavor {order.flavor_id} could not be found.") from absent
        self.check_disk(who, flavor)
        check_fits(image, flavor)
        hardware.properties(image_properties(image), flavor.extra_specs, flavor.vcpus, flavor.memory_mb)
        self.scheduling.pci(flavor.extra_specs)
        return flavor

    def check_disk(self, who: Context, flavor: Flavor) -> None:
        """A flavor without a disk of its own makes disks as large as images say, which not everybody may have. Raises Forbidden."""
        may = "os_compute_api:servers:create:zero_disk_flavor"
        if not flavor.root_gib and not self.kit.policy.check(may, who, {"project_id": who.project_id}):
            raise Forbidden("Only volume-backed servers are allowed for flavors with zero disk.")

    async def _check_placement(self, who: Context, order: ServerOrder) -> None:
        """Zones, hosts and groups that the order names must exist."""
        if order.availability_zone is not None and order.availability_zone not in await self.resources.hosts.zones():
            raise Invalid("The requested availability zone is not available")
        for host in filter(None, (order.force_host, order.force_node)):
            if not any(host in (known.host, known.inventory.hypervisor_hostname) for known in await self.resources.hosts.all()):
                raise Invalid(str(HostNotFound(host=host)))
        if group := order.scheduler_hints.get("group"):
            try:
                await self.resources.server_groups.get(group, who.scope)
            except NotFound as absent:
                raise Invalid(str(absent)) from absent

    async def _destination(self, order: ServerOrder) -> str | None:
        """The name of the host that the order wants, by its own name, its hypervisor's or both."""
        host, node = order.wanted_host, order.wanted_node
        if host is None and node is None:
            return None
        for known in await self.resources.hosts.all():
            if host in (None, known.host) and node in (None, known.inventory.hypervisor_hostname):
                return known.host
        raise Invalid(str(HostNotFound(host=host or node)))

    async def _affordable(self, who: Context, order: ServerOrder, flavor: Any, *, ports: int) -> int:
        """How many of the wanted servers the quotas allow, each with so many new ports: at least `min_count`, or ComputeOverQuota is
        raised."""
        most, free = order.max_count, await self.network.free_ports(who.project_id or "") if ports else None
        if free is not None:
            most = min(most, free // ports)
        if most < order.min_count:
            raise ComputeOverQuota("Maximum number of ports exceeded")
        for count in range(most, order.min_count - 1, -1):
            wanted = {"instances": count, "cores": count * flavor.vcpus, "ram": count * flavor.memory_mb}
            if count == order.min_count:
                await self.resources.quotas.check(who.project_id or "", who.user_id or "", wanted)
            elif not await self.resources.quotas.allows(who.project_id or "", who.user_id or "", wanted):
                continue
            return count
        return order.min_count

    # ---- finding -----------------------------------------------------------------------------------------------------
    async def get(self, id: str, who: Context, *, deleted: bool = False) -> Server:
        """Raises ServerNotFound, also when it is someone else's; a deleted one only when asked for."""
        if deleted and (found := await self.store.find(id)) is not None and who.scope in (EVERYONE, found.project_id):
            return found
        return await self.store.get(id, who.scope)

    async def list(self, wanted: ServerFilter, *, limit: int | None, marker: str | None) -> list[Server]:
        return await self.store.list(wanted, limit=limit, marker=marker)

    # ---- doing -------------------------------------------------------------------------------------------------------
    async def delete(self, id: str, who: Context) -> None:
        """Begin to delete; a second order while the first is carried out changes nothing.

        Where deleted servers can be restored for a while, one at rest is only stopped and hidden at first."""
        server = await self.get(id, who)
        if self.config.reclaim_interval_s and server.host is not None and server.task_state is None:
            if server.vm_state == SOFT_DELETED:
                return
            if server.vm_state in ACTIONS["softDelete"].allowed:
                with suppress(ServerInWrongState):         # somebody began something else meanwhile: a delete wins over that
                    await self.change_power(id, "softDelete", who, record="delete")
                    return
        await self._delete(server, who)

    async def force_delete(self, id: str, who: Context) -> None:
        """Begin to delete for good, also what is deleted softly."""
        await self._delete(await self.get(id, who), who)

    async def _delete(self, server: Server, who: Context) -> None:
        self.refuse_locked(server, who)
        async with self.kit.db.transaction():
            if await self.store.begin_delete(server.id, self.kit.clock.now()):
                await self.actions.begin(server.id, "delete", who)
                await self.kit.sagas.begin(DELETE_SERVER, server.id, DeleteServer(server_id=server.id, request_id=who.request_id))

    async def reclaim(self, after: timedelta) -> int:
        """Delete for good what has been deleted softly for so long, but for what is restored meanwhile; how many those were."""
        count = 0
        for found in await self.store.resting_since(SOFT_DELETED, self.kit.clock.now() - after):
            server = await self.store.find(found.id)
            if server is not None and (server.vm_state, server.task_state, server.deleted_at) == (SOFT_DELETED, None, None):
                await self._delete(server, on_its_own(self.kit.ids.request()))
                count += 1
        return count

    async def restore(self, id: str, who: Context) -> None:
        """Take back a soft delete, if the quota still allows it. Raises ServerInWrongState, ComputeOverQuota."""
        server = await self.get(id, who)
        async with self.entering(server, "restore", who):
            takes = {"instances": 1, "cores": server.vcpus, "ram": server.memory_mb}
            await self.resources.quotas.check(server.project_id, server.user_id, takes)
            await self.kit.sagas.begin(CHANGE_POWER, id, ChangePower(server_id=id, request_id=who.request_id, action="restore"))

    @asynccontextmanager
    async def entering(self, server: Server, name: str, who: Context, *, record: str | None = None) -> AsyncIterator[None]:
        """One transaction in which the server enters one of ACTIONS and that is recorded; the body begins the saga in it.

        Raises ServerInWrongState with the state, ServerLocked; ServerNotReady for one that is on no host, whatever its state says."""
        self.refuse_locked(server, who)
        action, verb = ACTIONS[name], record or name.split("_")[0]
        async with self.kit.db.transaction():
            if not await self.store.begin(server.id, self.kit.clock.now(), task=action.task, allowed=action.allowed, over=action.over):
                raise await self._wrong_state(server.id, verb, action.allowed)
            if server.host is None and name not in WITHOUT_HOST:
                raise ServerNotReady(id=server.id)
            await self.actions.begin(server.id, verb, who)
            yield

    async def change_power(self, id: str, name: str, who: Context, *, record: str | None = None) -> None:
        """Begin one of ACTIONS. Raises ServerInWrongState with the state, ServerLocked."""
        async with self.entering(await self.get(id, who), name, who, record=record):
            await self.kit.sagas.begin(CHANGE_POWER, id, ChangePower(server_id=id, request_id=who.request_id, action=name))

    async def update(self, id: str, who: Context, **values: Any) -> Server:
        """Change what describes a server: name, description, access addresses, disk config, hostname, pin.

        Raises ZoneNotPinnable."""
        async with self.kit.db.transaction():
            server = await self.get(id, who)
            if values.get("pinned_zone") is not None:
                _check_pin(server, values["pinned_zone"])
            await self.store.update(id, self.kit.clock.now(), **values)
        return await self.get(id, who)

    async def set_metadata(self, id: str, who: Context, items: dict[str, str], *, replace: bool) -> dict[str, str]:
        """Replace the metadata, or change some of it; returns all of it. Raises ComputeOverQuota for too many items."""
        async with self.kit.db.transaction():
            server = await self._describable(id, who)
            metadata = dict(items) if replace else {**server.metadata, **items}
            await self.check_metadata(who, metadata)
            await self.store.update(id, self.kit.clock.now(), metadata=metadata)
        return metadata

    async def delete_metadata(self, id: str, who: Context, key: str) -> None:
        async with self.kit.db.transaction():
            server = await self._describable(id, who)
            if key not in server.metadata:
                raise NotFound("Metadata item was not found")
            await self.store.update(id, self.kit.clock.now(), metadata={k: v for k, v in server.metadata.items() if k != key})

    async def set_tags(self, id: str, who: Context, tags: builtins.list[str]) -> builtins.list[str]:
        await self._describable(id, who)
        await self.store.update(id, self.kit.clock.now(), tags=tags)
        return tags

    async def tagged(self, how: str, tags: set[str]) -> set[str]:
        """Ids of the servers with all (`tags`) or any (`tags-any`) of the tags, or not all or not any of them."""
        tests = {"tags": tags.issubset, "tags-any": lambda has: bool(tags & set(has)), "not-tags": lambda has: not tags.issubset(has),
                 "not-tags-any": lambda has: not tags & set(has)}
        return {id for id, has in await self.store.tags() if tests[how](has)}

    async def _describable(self, id: str, who: Context) -> Server:
        """A server whose description may be changed: not locked, not being deleted."""
        server = await self.get(id, who)
        self.refuse_locked(server, who)
        if server.task_state == DELETING:
            raise ServerInWrongState(action="update", id=id, attribute="task_state", state=server.task_state)
        return server

    async def check_metadata(self, who: Context, metadata: dict[str, str]) -> None:
        """Raises ComputeOverQuota for more items than a server or an image may have."""
        if not metadata:
            return
        most = (await self.resources.quotas.limits(who.project_id or "", who.user_id))["metadata_items"]
        if 0 <= most < len(metadata):
            raise ComputeOverQuota(resource="metadata_items", requested=len(metadata), used=0, limit=most)

    async def check_files(self, who: Context, files: dict[str, bytes]) -> None:
        """Raises ComputeOverQuota for more, or larger, files than may be put into a server."""
        if not files:
            return
        limits = await self.resources.quotas.limits(who.project_id or "", who.user_id)
        wanted = {"injected_files": len(files), "injected_file_path_bytes": max(len(path.encode()) for path in files),
                  "injected_file_content_bytes": max(map(len, files.values()))}
        for resource, amount in wanted.items():
            if over(limits[resource], amount):
                raise ComputeOverQuota(resource=resource, requested=amount, used=0, limit=limits[resource])

    async def lock(self, id: str, who: Context, reason: str | None) -> None:
        server = await self.get(id, who)
        owner = "owner" if who.project_id == server.project_id else "admin"
        await self.store.update(id, self.kit.clock.now(), locked_by=server.locked_by or owner, locked_reason=reason)
        await self.done(id, "lock", who)

    async def unlock(self, id: str, who: Context) -> None:
        server = await self.get(id, who)
        override = {"project_id": server.project_id}
        if server.locked_by == "admin" and not self.kit.policy.check("os_compute_api:os-lock-server:unlock:unlock_override", who, override):
            raise ServerLocked(id=id)
        await self.store.update(id, self.kit.clock.now(), locked_by=None, locked_reason=None)
        await self.done(id, "unlock", who)

    async def done(self, id: str, verb: str, who: Context, error: str | None = None) -> None:
        """Record what was done within a request."""
        await self.actions.begin(id, verb, who)
        await self.actions.finish(who.request_id, id, error=error)

    async def reset_state(self, id: str, who: Context, vm_state: str) -> None:
        """An administrator's word on what a server is."""
        await self.get(id, who)
        await self.store.update(id, self.kit.clock.now(), vm_state=vm_state, task_state=None)

    async def console_log(self, id: str, who: Context) -> str:
        """What the guest wrote to its serial console. Raises Conflict while there is no guest."""
        server = await self.get(id, who)
        if server.host is None or server.vm_state == BUILDING:
            raise ServerNotReady(id=id)
        raw = await ComputeAgent.at(server.host, self.kit.bus).console_log(id)
        return raw.decode("utf-8", "replace")

    def refuse_locked(self, server: Server, who: Context) -> None:
        if server.locked_by is not None and not who.is_admin:
            raise ServerLocked(id=server.id)

    async def _wrong_state(self, id: str, action: str, allowed: frozenset[str]) -> Exception:
        server = await self.store.find(id)
        if server is None or server.deleted_at is not None:
            return ServerNotFound(id=id)
        if server.vm_state in allowed or server.task_state == DELETING:
            return ServerInWrongState(action=action, id=id, attribute="task_state", state=server.task_state)
        return ServerInWrongState(action=action, id=id, attribute="vm_state", state=server.vm_state)


def check_fits(image: Any, flavor: Flavor) -> None:
    """Whether a server of the flavor can be made of the image. Raises Invalid."""
    if image.min_ram and flavor.memory_mb < image.min_ram:
        raise Invalid("Flavor's memory is too small for requested image.")
    if image.min_disk and flavor.root_gib and flavor.root_gib < image.min_disk:
        raise Invalid("The created instance's disk would be too small.")
    if flavor.root_gib and max(image.size or 0, image.virtual_size or 0) > flavor.root_gib << 30:
        raise Invalid("Flavor's disk is too small for requested image.")


def _check_many(order: ServerOrder) -> None:
    """What there is one of cannot be given to several servers. Raises Invalid."""
    if order.max_count == 1:
        return
    if order.hostname:
        raise Invalid("Unable to allocate a single hostname to multiple instances")
    for wanted in order.networks if isinstance(order.networks, tuple) else ():
        if wanted.port_id:
            raise Invalid("Failed to launch multiple instances: a port can only be used by one of them.")
        if wanted.fixed_ip:
            raise Invalid("Invalid fixed IP address: max_count cannot be greater than 1 if a fixed_ip is specified.")


def _check_pin(server: Server, zone: str) -> None:
    """A server can be pinned to the zone it is in, and nowhere else while it is pinned."""
    if server.pinned_zone is not None and zone != server.pinned_zone:
        raise ZoneNotPinnable("Cannot change pinned availability zone directly. Unpin first by setting it to null.")
    if server.pinned_zone is None and zone != server.availability_zone:
        raise ZoneNotPinnable(current=server.availability_zone or "", wanted=zone)


def hostname(name: str) -> str:
    """A host name made of a display name (RFC 1123: letters, digits and hyphens, at most 63)."""
    made = re.sub(r"[^a-z0-9-]", "", re.sub(r"[ _.]", "-", name.lower())).strip("-")[:63].rstrip("-")
    return made or "server"
