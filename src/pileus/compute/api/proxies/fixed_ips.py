"""The server actions that add and remove a fixed address (until 2.43)."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from pileus.core.http import Request


class AddFixedIp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    network_id: Annotated[str, Meta(min_length=1)] = msgspec.field(name="networkId")


class RemoveFixedIp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    address: str


async def add_fixed_ip(req: Request, server_id: str, body: AddFixedIp) -> None:
    await req.services.compute.fixed_ips.add(req.who, server_id, body.network_id)


async def remove_fixed_ip(req: Request, server_id: str, body: RemoveFixedIp) -> None:
    await req.services.compute.fixed_ips.remove(req.who, server_id, body.address)
