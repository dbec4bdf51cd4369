"""`resize`, `migrate`, `confirmResize`, `revertResize`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pileus.compute.api.servers.bodies import Closed, DiskConfig, Name
from pileus.compute.api.servers.verbs import ServerAction
from pileus.core.http import Reply, Request, since


class Resize(Closed):
    flavor: Annotated[str, Meta(min_length=1, max_length=255)] | int = msgspec.field(name="flavorRef")
    disk_config: DiskConfig | UnsetType = msgspec.field(name="OS-DCF:diskConfig", default=UNSET)


class Migrate(Closed):
    host: Annotated[Name | None, since(2, 56)] = None


async def resize(req: Request, server_id: str, body: Resize) -> None:
    await req.services.compute.resizes.resize(server_id, req.who, flavor_id=str(body.flavor), disk_config=body.disk_config)


async def migrate(req: Request, server_id: str, body: Migrate | None) -> None:
    host = body.host if body else None
    if host is not None:
        req.enforce("os_compute_api:os-migrate-server:migrate:host")
    await req.services.compute.resizes.migrate(server_id, req.who, host)


async def confirm_resize(req: Request, server_id: str) -> Reply:
    await req.services.compute.resizes.confirm(server_id, req.who)
    return Reply(204)


async def revert_resize(req: Request, server_id: str) -> None:
    await req.services.compute.resizes.revert(server_id, req.who)


ACTIONS = {
    "resize": ServerAction(run=resize, policy="os_compute_api:servers:resize", body=Resize),
    "confirmResize": ServerAction(run=confirm_resize, policy="os_compute_api:servers:confirm_resize"),
    "revertResize": ServerAction(run=revert_resize, policy="os_compute_api:servers:revert_resize"),
    "migrate": ServerAction(run=migrate, policy="os_compute_api:os-migrate-server:migrate", body=Migrate | None),
}
