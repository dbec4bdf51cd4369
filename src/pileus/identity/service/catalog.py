"""The service catalog: services, endpoints, regions, and what a token's holder is shown of them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from typing import Any

import msgspec

from pileus.core.errors import Invalid
from pileus.identity.errors import RegionInUse
from pileus.identity.model import Endpoint, Region, Service
from pileus.identity.service.core import Core
from pileus.identity.service.generations import CATALOG
from pileus.identity.store.base import Filter

_PLACEHOLDER = re.compile(r"[$%]\((\w+)\)s")
#: Catalogs kept as they were shown, of so many projects (or users) each.
REMEMBERED = 1000
_PLACEHOLDERS = frozenset({"project_id", "tenant_id", "user_id"})


class _Snapshot(msgspec.Struct, frozen=True):
    """The catalog at a generation, with its URLs as they are stored, and what was made of it already.

    `given`: the endpoints of those projects that are shown only some. `names`: the placeholders there are. `shown`: by the
    project and the user it was made for, as far as that makes a difference; the oldest is forgotten first.
    """

    generation: int
    given: dict[str, set[str]]
    entries: list[dict[str, Any]]
    names: frozenset[str]
    shown: dict[tuple[str | None, str | None], msgspec.Raw] = {}


class Catalog:
    def __init__(self, core: Core):
        self.core, self.db, self.store = core, core.db, core.store
        self._snapshot: _Snapshot | None = None

    async def shown(self, *, project_id: str | None = None, user_id: str | None = None) -> msgspec.Raw:
        """The catalog of a token: enabled services with their enabled endpoints, ready to be put into an answer."""
        generation = await self.core.generations.current(CATALOG)
        if self._snapshot is None or self._snapshot.generation != generation:
            self._snapshot = await self._read(generation)
        snapshot = self._snapshot
        by_project = project_id in snapshot.given or not snapshot.names.isdisjoint(("project_id", "tenant_id"))
        key = (project_id if by_project else None, user_id if "user_id" in snapshot.names else None)
        if (found := snapshot.shown.get(key)) is None:
            found = msgspec.Raw(msgspec.json.encode(self._filled(snapshot, project_id, user_id)))
            if len(snapshot.shown) >= REMEMBERED:
                del snapshot.shown[next(iter(snapshot.shown))]
            snapshot.shown[key] = found
        return found

    def _filled(self, snapshot: _Snapshot, project_id: str | None, user_id: str | None) -> list[dict[str, Any]]:
        given = snapshot.given.get(project_id) if project_id is not None else None
        values = {"project_id": project_id, "tenant_id": project_id, "user_id": user_id}
        shown = [
            entry
            | {
                "endpoints": [
                    e | {"url": url}
                    for e in entry["endpoints"]
                    if (given is None or e["id"] in given) and (url := _fill(e["url"], values)) is not None
                ]
            }
            for entry in snapshot.entries
        ]
        return shown if given is None else [entry for entry in shown if entry["endpoints"]]

    async def _read(self, generation: int) -> _Snapshot:
        endpoints: dict[str, list[dict[str, Any]]] = {}
        every = await self.store.endpoints.matching()
        for e in every:
            if e.enabled:
                shown = {"id": e.id, "interface": e.interface, "region_id": e.region_id, "url": e.url, "region": e.region_id}
                endpoints.setdefault(e.service_id, []).append(shown)
        entries: list[dict[str, Any]] = [
            {"endpoints": endpoints.get(s.id, []), "id": s.id, "type": s.type, "name": s.name}
            for s in await self.store.services.matching()
            if s.enabled
        ]
        names = frozenset(name for entry in entries for e in entry["endpoints"] for name in _PLACEHOLDER.findall(e["url"]))
        return _Snapshot(generation, await self._given(every), entries, names)

    async def _given(self, endpoints: list[Endpoint]) -> dict[str, set[str]]:
        """The endpoints given to projects, one by one or by groups. Who was given none is shown all, and is not in it."""
        found: dict[str, set[str]] = {}
        for project, endpoint in await self.store.project_endpoints.pairs():
            found.setdefault(project, set()).add(endpoint)
        members = {g.id: {e.id for e in endpoints if g.takes(e)} for g in await self.store.endpoint_groups.matching()}
        for project, group in await self.store.project_endpoint_groups.pairs():
            found.setdefault(project, set()).update(members[group])
        return found

    # ---- services ----------------------------------------------------------------------------------------------------
    async def create_service(self, *, type: str, name: str = "", enabled: bool = True, extra: dict | None = None) -> Service:
        service = Service(id=self.core.ids.hex(), type=type, name=name, enabled=enabled, extra=extra or {})
        async with self.db.transaction():
            await self.store.services.add(service)
            await self.core.generations.raise_(CATALOG)
        return service

    async def get_service(self, id: str) -> Service:
        return await self.store.services.get(id)

    async def list_services(self, filters: list[Filter]) -> list[Service]:
        return await self.store.services.matching(filters)

    async def update_service(self, id: str, values: dict[str, Any]) -> Service:
        return await self._update(self.store.services, id, values)

    async def delete_service(self, id: str) -> None:
        """And its endpoints."""
        async with self.db.transaction():
            await self.store.services.remove(id)
            await self.store.policy_associations.remove_of(service_id=id)
            await self.core.generations.raise_(CATALOG)

    # ---- endpoints ---------------------------------------------------------------------------------------------------
    async def create_endpoint(
        self,
        *,
        service_id: str,
        interface: str,
        url: str,
        region_id: str | None = None,
        enabled: bool = True,
        extra: dict | None = None,
        make_region: bool = False,
    ) -> Endpoint:
        """`make_region`: create the region if it is missing, as clients of the older API expect."""
        endpoint = Endpoint(
            id=self.core.ids.hex(),
            service_id=service_id,
            interface=interface,
            url=check_url(url),
            region_id=region_id,
            enabled=enabled,
            extra=extra or {},
        )
        async with self.db.transaction():
            await self._check_endpoint(endpoint, make_region)
            await self.store.endpoints.add(endpoint)
            await self.core.generations.raise_(CATALOG)
        return endpoint

    async def get_endpoint(self, id: str) -> Endpoint:
        return await self.store.endpoints.get(id)

    async def list_endpoints(self, filters: list[Filter]) -> list[Endpoint]:
        return await self.store.endpoints.matching(filters)

    async def update_endpoint(self, id: str, values: dict[str, Any], *, make_region: bool = False) -> Endpoint:
        async with self.db.transaction():
            wanted = msgspec.structs.replace(await self.store.endpoints.get(id, lock=True), **values)
            check_url(wanted.url)
            await self._check_endpoint(wanted, make_region)
            return await self._update(self.store.endpoints, id, values)

    async def delete_endpoint(self, id: str) -> None:
        async with self.db.transaction():
            await self.store.endpoints.remove(id)
            await self.store.policy_associations.remove_of(endpoint_id=id)
            await self.core.generations.raise_(CATALOG)

    async def _check_endpoint(self, endpoint: Endpoint, make_region: bool) -> None:
        if await self.store.services.find(endpoint.service_id) is None:
            raise Invalid(f"Could not find service: {endpoint.service_id}.")
        if endpoint.region_id is not None and await self.store.regions.find(endpoint.region_id) is None:
            if not make_region:
                raise Invalid(f"Could not find region: {endpoint.region_id}.")
            await self.store.regions.add(Region(id=endpoint.region_id))

    # ---- regions -----------------------------------------------------------------------------------------------------
    async def create_region(
        self, *, id: str | None = None, description: str | None = "", parent_region_id: str | None = None, extra: dict | None = None
    ) -> Region:
        region = Region(
            id=id or self.core.ids.hex(), description=description or "", parent_region_id=parent_region_id, extra=extra or {}
        )
        async with self.db.transaction():
            await self._check_parent(region)
            await self.store.regions.add(region)
        return region

    async def get_region(self, id: str) -> Region:
        return await self.store.regions.get(id)

    async def list_regions(self, filters: list[Filter]) -> list[Region]:
        return await self.store.regions.matching(filters)

    async def update_region(self, id: str, values: dict[str, Any]) -> Region:
        async with self.db.transaction():
            region = await self.store.regions.get(id, lock=True)
            await self._check_parent(msgspec.structs.replace(region, **values))
            return await self._update(self.store.regions, id, values)

    async def delete_region(self, id: str) -> None:
        """And the regions below it, when no endpoint is in any of them."""
        async with self.db.transaction():
            await self.store.regions.get(id, lock=True)
            levels = [[id]]
            while below := [r.id for r in await self.store.regions.children(levels[-1])]:
                levels.append(below)
            if await self.store.regions.in_use([r for level in levels for r in level]):
                raise RegionInUse(id=id)
            for region in [r for level in reversed(levels) for r in level]:
                await self.store.regions.remove(region)
                await self.store.policy_associations.remove_of(region_id=region)

    async def _check_parent(self, region: Region) -> None:
        """Raises RegionNotFound for a parent that is missing, Invalid for a circle."""
        parent = region.parent_region_id
        while parent is not None:
            if parent == region.id:
                raise Invalid(f"The specified parent region {region.parent_region_id} would create a circular region hierarchy.")
            parent = (await self.store.regions.get(parent)).parent_region_id

    async def _update(self, table: Any, id: str, values: dict[str, Any]) -> Any:
        async with self.db.transaction():
            found = await table.get(id, lock=True)
            if "extra" in values:
                values["extra"] = found.extra | values["extra"]
            changed = await table.change(found, values)
            await self.core.generations.raise_(CATALOG)
        return changed


def check_url(url: str) -> str:
    """Raise Invalid for a URL with a placeholder that nobody can fill in."""
    unknown = {m for m in _PLACEHOLDER.findall(url)} - _PLACEHOLDERS
    if unknown or re.search(r"[$%]\((?!\w+\)s)", url):
        raise Invalid(f"Malformed endpoint URL {url}.")
    return url


def _fill(url: str, values: dict[str, str | None]) -> str | None:
    """A URL with its placeholders filled in; None when the token has nothing to fill one with."""
    names = _PLACEHOLDER.findall(url)
    if not names:
        return url
    if any(values[n] is None for n in names):
        return None
    return _PLACEHOLDER.sub(lambda m: values[m[1]] or "", url)
