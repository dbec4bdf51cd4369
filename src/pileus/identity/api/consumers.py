"""Consumers of OAuth 1.0a, below OS-OAUTH1."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from pileus.core.http import Request, Route
from pileus.identity.api.bodies import Description, changes, parse
from pileus.identity.api.views import links, listing
from pileus.identity.model import Consumer


class ConsumerFields(msgspec.Struct, kw_only=True):
    description: Description | UnsetType | None = UNSET


class ConsumerBody(msgspec.Struct):
    consumer: dict[str, Any]


async def list_consumers(req: Request) -> dict[str, Any]:
    return listing(req, "consumers", [show_consumer(req, c) for c in await req.services.identity.consumers.all()])


async def create_consumer(req: Request, body: ConsumerBody) -> dict[str, Any]:
    known, extra = parse(ConsumerFields, body.consumer)
    extra.pop("secret", None)
    consumer, secret = await req.services.identity.consumers.create(**changes(known, extra))
    return {"consumer": show_consumer(req, consumer) | {"secret": secret}}


async def get_consumer(req: Request, consumer_id: str) -> dict[str, Any]:
    return {"consumer": show_consumer(req, await req.services.identity.consumers.get(consumer_id))}


async def update_consumer(req: Request, consumer_id: str, body: ConsumerBody) -> dict[str, Any]:
    known, extra = parse(ConsumerFields, body.consumer, id=consumer_id)
    return {"consumer": show_consumer(req, await req.services.identity.consumers.update(consumer_id, changes(known, extra)))}


async def delete_consumer(req: Request, consumer_id: str) -> None:
    await req.services.identity.consumers.delete(consumer_id)


def show_consumer(req: Request, c: Consumer) -> dict[str, Any]:
    return c.extra | {"id": c.id, "description": c.description, "links": links(req, "OS-OAUTH1/consumers", c.id)}


_ALL, _ONE = "/v3/OS-OAUTH1/consumers", "/v3/OS-OAUTH1/consumers/{consumer_id}"
ROUTES = [
    Route("GET", _ALL, list_consumers, policy="identity:list_consumers"),
    Route("POST", _ALL, create_consumer, policy="identity:create_consumer", body=ConsumerBody, ok=201),
    Route("GET", _ONE, get_consumer, policy="identity:get_consumer"),
    Route("PATCH", _ONE, update_consumer, policy="identity:update_consumer", body=ConsumerBody),
    Route("DELETE", _ONE, delete_consumer, policy="identity:delete_consumer", ok=204),
]
