"""PUT of a coded object: to every device its fragment, and when enough of them have theirs, word that it counts."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Mapping
from hashlib import md5
from itertools import takewhile
from typing import TYPE_CHECKING

from pileus.object_store.proxy import expiry
from pileus.object_store.proxy.ask import one
from pileus.object_store.proxy.best import best
from pileus.object_store.proxy.erasure.codec import cut
from pileus.object_store.proxy.erasure.read import ETAG, LENGTH, SCHEME, SEGMENT
from pileus.object_store.proxy.place import Place
from pileus.object_store.proxy.put import Putter, answers, check, closing, limited
from pileus.object_store.ring.device import Node
from pileus.object_store.storage.object.fragments import INDEX
from pileus.object_store.wire.message import Request, Response, Stop
from pileus.object_store.wire.status import plain

if TYPE_CHECKING:
    from pileus.object_store.proxy.proxy import Proxy

#: Bytes from which on a segment is worth a hop to a thread.
APART = 256 * 1024
OVERRIDE = "x-object-sysmeta-container-update-override-"


async def put(proxy: Proxy, req: Request, place: Place) -> Response:
    check(proxy, req)
    writing = Writing(proxy, req, place, req.facts.get("timestamp") or proxy.stamp())
    try:
        answer = await writing.connect()
        if answer is None:
            await writing.pump()
            answer = await writing.commit()
        return closing(proxy, place, answer, writing.at)
    finally:
        for putter in writing.putters.values():
            putter.task.cancel()


class Writing:
    """One PUT. `putters`: by place, which is a fragment's index, over again where there are copies of fragments."""

    def __init__(self, proxy: Proxy, req: Request, place: Place, at: str):
        assert place.policy.erasure is not None
        self.proxy, self.req, self.place, self.at = proxy, req, place, at
        self.erasure, self.codec = place.policy.erasure, proxy.codec(place.policy)
        self.putters: dict[int, Putter] = {}
        self.digest, self.size = md5(usedforsecurity=False), 0
        self.given: Mapping[str, str] = {}

    # ---- first: who takes it -----------------------------------------------------------------------------------------
    async def connect(self) -> Response | None:
        """Find a device for each fragment; an answer when too few can be found, or they must not take it."""
        nodes = self.proxy.nodes(self.place.ring, self.place.part)
        own = {n.index: n for n in takewhile(lambda n: not n.handoff, nodes)}
        spare = (n for n in nodes if n.handoff)
        refusals: list[Response] = []

        async def connect(number: int) -> None:
            node: Node | None = own.get(number) or next(spare, None)
            while node is not None:
                putter = Putter(self.proxy, self.sent(), self.place, node, self.headers(number))
                self.putters[number] = putter
                if await putter.agreed(self.proxy.config.node_timeout_s):
                    return
                del self.putters[number]
                if putter.task.done() and (answer := putter.task.result()).status < 500:
                    refusals.append(answer)
                    return
                putter.task.cancel()
                node = next(spare, None)

        await asyncio.gather(*(connect(number) for number in range(self.erasure.places)))
        if any(r.status == 412 for r in refusals):
            return next(r for r in refusals if r.status == 412)
        if self.enough(self.putters):
            return None
        # Some have it newer: then this one was overwritten before it was there.
        return next((r for r in refusals if r.status == 409), None) or best(refusals, self.erasure.places)

    def headers(self, number: int) -> dict[str, str]:
        """What a device gets to know with its fragment. What is of the whole body is not of the fragment."""
        own = {n: v for n, v in self.place.own(self.req).items() if n not in ("etag", "content-length")}
        if self.req.length is not None:
            own["content-length"] = str(self.codec.archive(self.req.length, self.erasure.segment_size))
        own.setdefault("content-type", "application/octet-stream")
        return own | {"x-timestamp": self.at, INDEX: str(number % self.erasure.unique)}

    def sent(self) -> Request:
        req = Request("PUT", self.place.path, id=self.req.id)
        req.footers = self.footers
        return req

    def enough(self, places: Mapping[int, object]) -> bool:
        return len(places) >= self.erasure.quorum and len({p % self.erasure.unique for p in places}) > self.erasure.data

    # ---- second: the body --------------------------------------------------------------------------------------------
    async def pump(self) -> None:
        """Code the body and feed it to all. Raises Stop when it is not what it should be, or too few are left that take it."""
        async for segment in cut(limited(self.proxy, self.req), self.erasure.segment_size):
            self.size += len(segment)
            await self.feed(await self.coded(segment))
        self.given = self.req.footers() if self.req.footers else {}
        if self.req.length is not None and self.req.length != self.size:
            raise Stop(plain(499))
        told = self.given.get("etag", self.req.header("etag")).strip('"').lower()
        if told and told != self.digest.hexdigest():
            raise Stop(plain(422))
        await self.feed(None)

    async def coded(self, segment: bytes) -> list[bytes]:
        """The pieces of a segment. A long one is hashed in a thread meanwhile; coding it there would hold up everybody all the same."""
        if len(segment) < APART:
            self.digest.update(segment)
            return self.codec.encode(segment)
        hashing = self.proxy.threads.run(self.digest.update, segment)
        pieces = self.codec.encode(segment)
        await hashing
        return pieces

    async def feed(self, pieces: list[bytes] | None) -> None:
        async def give(number: int, putter: Putter) -> None:
            piece = pieces[number % self.erasure.unique] if pieces is not None else None
            if not await putter.give(piece, self.proxy.config.node_timeout_s):
                putter.task.cancel()
                del self.putters[number]

        await asyncio.gather(*(give(number, putter) for number, putter in list(self.putters.items())))
        if not self.enough(self.putters):
            raise Stop(plain(503))

    def footers(self) -> Mapping[str, str]:
        """What is known of the whole when all of it has gone by; what a feature says of it comes first."""
        etag = self.digest.hexdigest()
        override = {OVERRIDE + "etag": etag, OVERRIDE + "size": str(self.size)}
        own = {ETAG: etag, LENGTH: str(self.size), SEGMENT: str(self.erasure.segment_size),
               SCHEME: f"{self.erasure.type} {self.erasure.data}+{self.erasure.parity}"}
        given = {n: v for n, v in {**self.req.headers, **self.given}.items() if n.startswith(OVERRIDE)}
        return {n: v for n, v in self.given.items() if n != "etag"} | override | given | own

    # ---- third: it counts --------------------------------------------------------------------------------------------
    async def commit(self) -> Response:
        heard = await answers(self.proxy, list(self.putters.values()), self.erasure.quorum)
        stored = {n: p for n, p in self.putters.items() if p.task.done() and p.task.result().ok}
        if not self.enough(stored):
            return next((a for a in heard if a.status == 409), None) or plain(503)
        # Those that have it tell the containers, each a share of them.
        told = self.place.told_containers(len(stored))
        queues = expiry.told_queues(self.proxy, self.req, len(stored))
        common = self.place.policy_header | {"x-timestamp": self.at}

        async def tell(number: int, putter: Putter, headers: dict[str, str]) -> Response:
            headers = headers | common | {INDEX: str(number % self.erasure.unique)}
            return await one(self.proxy, "object", putter.node, self.place.part, Request("COMMIT", self.place.path, id=self.req.id),
                             self.place.path, headers)

        each = zip(stored.items(), told, queues, strict=True)
        done = await asyncio.gather(*(tell(number, putter, c | q) for (number, putter), c, q in each))
        if sum(answer.ok for answer in done) < self.erasure.quorum:
            return next((a for a in done if a.status == 409), None) or plain(503)
        return plain(201, headers={"etag": self.digest.hexdigest(), "x-backend-timestamp": self.at})
