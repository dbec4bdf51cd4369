"""What every cloud begins with. May run at every start: only what is missing or different is made."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from pileus.identity.model import DEFAULT_DOMAIN, DEFAULT_ROLES, INTERFACES, SERVICE_ROLE, NewProject

if TYPE_CHECKING:
    from pileus.identity.service.identity import Identity


async def bootstrap(identity: Identity, *, admin_password: str, region: str, services: Iterable[Sequence], generated: bool) -> None:
    """The default domain, the default roles, an administrator of the project `admin` and of the system, the catalog.

    `services`: (type, name, url) or (type, name, url, aliases); each alias becomes a service of that type with the same URL.
    """
    if await identity.projects.find_domain(id=DEFAULT_DOMAIN) is None:
        await identity.projects.create_domain(NewProject(id=DEFAULT_DOMAIN, name="Default", description="The default domain"))
    await _roles(identity)
    project = await identity.ensure_project("admin", description="The administrators' project")
    admin = await identity.ensure_user("admin", admin_password, project_id=project.id, role="admin", generated=generated)
    await identity.assign_role("admin", user_id=admin.id)
    if await identity.core.store.regions.find(region) is None:
        await identity.services.create_region(id=region)
    for type, name, url, *aliases in services:
        for one in (type, *(aliases[0] if aliases else ())):
            await _service(identity, one, name, url, region)


async def _roles(identity: Identity) -> None:
    made = {}
    for name in (*DEFAULT_ROLES, SERVICE_ROLE):
        made[name] = await identity.roles.find_named(name) or await identity.roles.create(name=name, options={"immutable": True})
    implied = (await identity.roles.index()).implied
    for prior, lesser in pairwise(DEFAULT_ROLES):
        if made[lesser].id not in implied.get(made[prior].id, ()):
            await identity.roles.imply(made[prior].id, made[lesser].id)


async def _service(identity: Identity, type: str, name: str, url: str, region: str) -> None:
    """A service, and its endpoints at this URL: when it moved, they move."""
    catalog = identity.services
    service = next((s for s in await catalog.list_services([]) if s.type == type), None) or await catalog.create_service(
        type=type, name=name
    )
    there = {e.interface: e for e in await catalog.list_endpoints([]) if e.service_id == service.id and e.region_id == region}
    for interface in INTERFACES:
        if interface not in there:
            await catalog.create_endpoint(service_id=service.id, interface=interface, url=url, region_id=region)
        elif there[interface].url != url:
            await catalog.update_endpoint(there[interface].id, {"url": url})
