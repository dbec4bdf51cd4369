"""Quota classes: the limits of the class `default` are everybody's defaults; those of others mean nothing."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET

from pileus.compute.api.query import Parameters
from pileus.compute.api.quota_sets import Limit, Limits, given
from pileus.core.errors import Invalid
from pileus.core.http import Request, Route, until


class ClassLimits(Limits, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As in quota sets, which kept the network's limits not quite as long."""

    floating_ips: Annotated[Limit, until(2, 49)] = UNSET
    fixed_ips: Annotated[Limit, until(2, 49)] = UNSET
    security_groups: Annotated[Limit, until(2, 49)] = UNSET
    security_group_rules: Annotated[Limit, until(2, 49)] = UNSET


class QuotaClassUpdate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    quota_class_set: ClassLimits


SHOW = Parameters({}, strict=(2, 102))


async def show_quota_class(req: Request, quota_class: str) -> dict[str, Any]:
    SHOW.read(req)
    return {"quota_class_set": {"id": quota_class} | await req.services.compute.quotas.defaults(quota_class)}


async def update_quota_class(req: Request, quota_class: str, body: QuotaClassUpdate) -> dict[str, Any]:
    if len(quota_class) > 58:
        raise Invalid("quota_class_name has more than 58 characters.")
    return {"quota_class_set": await req.services.compute.quotas.set_class(quota_class, given(body.quota_class_set))}


SET = "/v2.1/os-quota-class-sets/{quota_class}"
ROUTES = [
    Route("GET", SET, show_quota_class, policy="os_compute_api:os-quota-class-sets:show"),
    Route("PUT", SET, update_quota_class, policy="os_compute_api:os-quota-class-sets:update", body=QuotaClassUpdate),
]
