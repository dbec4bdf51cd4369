"""Quota sets: the limits of a project, or of one of its users."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pileus.compute.api.fields import MAX_INT, Flag, count, flag
from pileus.compute.api.query import ALWAYS, Parameters
from pileus.core.http import Request, Route, until

Limit = Annotated[int, Meta(ge=-1, le=MAX_INT)] | Annotated[str, Meta(pattern=r"^-?[0-9]+\Z", max_length=11)] | UnsetType


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    instances: Limit = UNSET
    cores: Limit = UNSET
    ram: Limit = UNSET
    metadata_items: Limit = UNSET
    key_pairs: Limit = UNSET
    server_groups: Limit = UNSET
    server_group_members: Limit = UNSET
    injected_files: Annotated[Limit, until(2, 56)] = UNSET
    injected_file_content_bytes: Annotated[Limit, until(2, 56)] = UNSET
    injected_file_path_bytes: Annotated[Limit, until(2, 56)] = UNSET
    floating_ips: Annotated[Limit, until(2, 35)] = UNSET
    fixed_ips: Annotated[Limit, until(2, 35)] = UNSET
    security_groups: Annotated[Limit, until(2, 35)] = UNSET
    security_group_rules: Annotated[Limit, until(2, 35)] = UNSET


class QuotaSet(Limits, frozen=True, kw_only=True, forbid_unknown_fields=True):
    force: Flag = False


class QuotaSetUpdate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    quota_set: QuotaSet


ONE = Parameters({"user_id": ALWAYS})
DEFAULTS = Parameters({}, strict=(2, 102))


async def show_quota_set(req: Request, project_id: str) -> dict[str, Any]:
    await req.services.compute.quotas.check_project(project_id)
    limits = await req.services.compute.quotas.limits(project_id, ONE.read(req).get("user_id"))
    return {"quota_set": {"id": project_id} | limits}


async def show_quota_set_in_detail(req: Request, project_id: str) -> dict[str, Any]:
    user_id, quotas = ONE.read(req).get("user_id"), req.services.compute.quotas
    await quotas.check_project(project_id)
    limits, used = await quotas.limits(project_id, user_id), await quotas.usage(project_id, user_id)
    shown = {name: {"limit": limit, "in_use": used.get(name, 0), "reserved": 0} for name, limit in limits.items()}
    return {"quota_set": {"id": project_id} | shown}


async def show_defaults(req: Request, project_id: str) -> dict[str, Any]:
    DEFAULTS.read(req)
    await req.services.compute.quotas.check_project(project_id)
    return {"quota_set": {"id": project_id} | await req.services.compute.quotas.defaults()}


async def update_quota_set(req: Request, project_id: str, body: QuotaSetUpdate) -> dict[str, Any]:
    user_id, asked = ONE.read(req).get("user_id"), body.quota_set
    await req.services.compute.quotas.check_project(project_id)
    limits = await req.services.compute.quotas.set(project_id, user_id, given(asked), force=flag(asked.force))
    return {"quota_set": limits}


async def delete_quota_set(req: Request, project_id: str) -> None:
    await req.services.compute.quotas.delete(project_id, ONE.read(req).get("user_id"))


async def _of(req: Request, project_id: str) -> dict[str, Any]:
    return {"project_id": project_id}


SET = "/v2.1/os-quota-sets/{project_id}"
ROUTES = [
    Route("GET", SET, show_quota_set, policy="os_compute_api:os-quota-sets:show", target=_of),
    Route("GET", SET + "/detail", show_quota_set_in_detail, policy="os_compute_api:os-quota-sets:detail", target=_of),
    Route("GET", SET + "/defaults", show_defaults, policy="os_compute_api:os-quota-sets:defaults", target=_of),
    Route("PUT", SET, update_quota_set, policy="os_compute_api:os-quota-sets:update", body=QuotaSetUpdate, target=_of),
    Route("DELETE", SET, delete_quota_set, policy="os_compute_api:os-quota-sets:delete", ok=202, target=_of),
]


def given(limits: Limits) -> dict[str, int]:
    """The limits that a body names, as numbers."""
    found = {name: getattr(limits, name) for name in Limits.__struct_fields__}
    return {name: count(value, name, -1) for name, value in found.items() if value is not UNSET}
