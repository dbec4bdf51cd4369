"""A container's way to its shards: rows that belong there, and their part of a listing.

Whoever asks a container need not know that it has shards: it asks them itself. That makes a listing right at every moment of its
sharding, because each replica of the container knows for itself which rows it still has and which it has handed over.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote, urlencode

import msgspec

from pileus.object_store.model.shards import ShardRange, Span
from pileus.object_store.ring.device import Node
from pileus.object_store.ring.ring import Ring
from pileus.object_store.storage.database.listing import Page, after_all
from pileus.object_store.transport import Transport
from pileus.object_store.wire.body import stream
from pileus.object_store.wire.message import Request, Response, Stop
from pileus.object_store.wire.status import plain

#: How many rows a listing has, so that one that is passed on whole need not be read.
LISTED = "x-backend-listed"
#: Asks for the ranges instead of a listing.
RECORDS = "x-backend-record-type"
#: Who has passed rows, or a question, on: ACCOUNT/CONTAINER of each, the last one last.
SENDER = "x-backend-shard-sender"
#: Asks for the range of this shard only: ACCOUNT/CONTAINER.
ONLY = "x-backend-shard-name"
TIMEOUT_S = 10.0
#: What a shard keeps of itself: the container, ACCOUNT/CONTAINER, that it has names of.
ROOT = "x-container-sysmeta-shard-root"

#: The container's own rows of a part of a listing; None when they were handed over meanwhile.
Own = Callable[[Page], Awaitable[list[dict[str, Any]] | None]]


def passed_by(req: Request) -> list[str]:
    """Who has passed a request on."""
    return [unquote(name, errors="surrogateescape") for name in req.header(SENDER).split(",") if name]


def passing(names: Sequence[str]) -> dict[str, str]:
    """The header that says who has."""
    return {SENDER: ",".join(quote(name, errors="surrogateescape") for name in names)}


async def send_rows(transport: Transport, ring: Ring, shard: ShardRange, rows: Sequence[Mapping[str, Any]],
                    senders: Sequence[str]) -> bool:
    """Whether most replicas of a shard have taken rows in. `senders`: who has passed them on, this one last."""
    account, container = shard.path
    part, body = ring.partition(account, container), msgspec.json.encode(rows)
    headers = {"content-length": str(len(body)), **passing(senders)}

    async def send(node: Node) -> bool:
        path = f"/container/{node.device.device}/{part}/{account}/{container}"
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await transport(node.key, Request("UPDATE", path, headers, body=stream(body)))
                await answer.close()
                return answer.ok
        except (OSError, TimeoutError):
            return False

    taken = await asyncio.gather(*(send(node) for node in ring.primaries(part)))
    return sum(taken) > len(taken) // 2


async def compose(spans: Sequence[Span], page: Page, own: Own, shard: Callable[[ShardRange, Page], Awaitable[Response]]) -> Response | None:
    """A page of a listing, of the parts that a container and its shards have; None when somebody else has a part meanwhile."""
    found: list[dict[str, Any]] = []
    for span in reversed(spans) if page.reverse else spans:
        marker = found[-1].get("subdir", "") if found else ""      # a folder may go on in the next part
        while len(found) < page.limit and (part := within(page, span, marker, page.limit - len(found))) is not None:
            if span.shard is None:
                rows = await own(part)
                if rows is None:
                    return None
            else:
                answer = await shard(span.shard, part)
                if not found and answer.header(LISTED) == str(page.limit):
                    return answer
                rows = msgspec.json.decode(await answer.read())
            found += rows
            if len(rows) < part.limit:
                break
            marker = rows[-1].get("name") or rows[-1]["subdir"]
    return Response(200, {LISTED: str(len(found))}, msgspec.json.encode(found))


def within(page: Page, span: Span, marker: str, limit: int) -> Page | None:
    """What a page wants of a span, behind a marker; None when that is nothing. Pure."""
    low, high = (page.end_marker, marker or page.marker) if page.reverse else (marker or page.marker, page.end_marker)
    # NUL is less than what any name may go on with: behind the lower bound, up to and with the upper one. A marker that is a folder
    # says that this is listed already, wherever its names go on.
    in_folder = bool(page.delimiter) and low.endswith(page.delimiter) and span.lower.startswith(low)
    low = max(low, span.lower + "\0") if span.lower and not in_folder else low
    high = min(high or span.upper + "\0", span.upper + "\0") if span.upper else high
    beyond = after_all(page.prefix) if page.prefix else None
    if (high and low >= high) or (high and high <= page.prefix) or (beyond is not None and low >= beyond):
        return None
    return msgspec.structs.replace(page, limit=limit, marker=high if page.reverse else low, end_marker=low if page.reverse else high)


async def ask(transport: Transport, ring: Ring, shard: ShardRange, page: Page, headers: Mapping[str, str]) -> Response:
    """A shard's part of a listing. Raises Stop when nobody can say."""
    account, container = shard.path
    query: dict[str, Any] = {"limit": page.limit, "reverse": "true" if page.reverse else "false"}
    query |= {n: v for n in ("marker", "end_marker", "prefix", "delimiter") if (v := getattr(page, n))}
    if page.path is not None:
        query["path"] = page.path
    part = ring.partition(account, container)
    for node in ring.primaries(part):
        path = f"/container/{node.device.device}/{part}/{account}/{container}"
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await transport(node.key, Request("GET", path, headers, query=urlencode(query, errors="surrogateescape")))
                if answer.ok:
                    return Response(200, {LISTED: answer.header(LISTED)}, await answer.read())
                await answer.close()
        except (OSError, TimeoutError):
            continue
    raise Stop(plain(503))
