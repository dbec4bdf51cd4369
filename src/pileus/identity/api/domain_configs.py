"""Configuration of single domains, whole, by group and by option."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus.core.http import Reply, Request, Route
from pileus.identity.domain_options import COMPLIANCE


class ConfigBody(msgspec.Struct):
    config: dict[str, Any]


async def put_config(req: Request, domain_id: str, body: ConfigBody) -> Reply:
    """201 for the first, 200 for another in its place."""
    config, new = await req.services.identity.domain_configs.replace(domain_id, body.config)
    return Reply(201 if new else 200, {"config": config})


async def get_config(req: Request, domain_id: str, group: str | None = None, option: str | None = None) -> dict[str, Any]:
    return {"config": await req.services.identity.domain_configs.show(domain_id, group, option)}


async def update_config(
    req: Request, domain_id: str, body: ConfigBody, group: str | None = None, option: str | None = None
) -> dict[str, Any]:
    return {"config": await req.services.identity.domain_configs.update(domain_id, body.config, group, option)}


async def delete_config(req: Request, domain_id: str, group: str | None = None, option: str | None = None) -> None:
    await req.services.identity.domain_configs.delete(domain_id, group, option)


async def get_default(req: Request, group: str | None = None, option: str | None = None) -> dict[str, Any]:
    return {"config": req.services.identity.domain_configs.defaults(group, option)}


async def get_compliance(req: Request, domain_id: str, option: str | None = None) -> dict[str, Any]:
    """For every user: what a new password must be like."""
    return {"config": await req.services.identity.domain_configs.compliance(domain_id, option)}


_CONFIG = "/v3/domains/{domain_id}/config"
_COMPLIANCE = f"{_CONFIG}/{COMPLIANCE}"
_PLACES = (_CONFIG, _CONFIG + "/{group}", _CONFIG + "/{group}/{option}")
_DEFAULTS = ("/v3/domains/config/default", "/v3/domains/config/{group}/default", "/v3/domains/config/{group}/{option}/default")
ROUTES = [
    Route("PUT", _CONFIG, put_config, policy="identity:create_domain_config", body=ConfigBody),
    *(
        Route("GET", path, get_compliance, policy="identity:get_security_compliance_domain_config")
        for path in (_COMPLIANCE, _COMPLIANCE + "/{option}")
    ),
    *(Route("GET", path, get_config, policy="identity:get_domain_config") for path in _PLACES),
    *(Route("PATCH", path, update_config, policy="identity:update_domain_config", body=ConfigBody) for path in _PLACES),
    *(Route("DELETE", path, delete_config, policy="identity:delete_domain_config", ok=204) for path in _PLACES),
    *(Route("GET", path, get_default, policy="identity:get_domain_config_default") for path in _DEFAULTS),
]
