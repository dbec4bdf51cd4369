"""Who has which fragments of an object, and what follows from that."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pileus.object_store.model.policy import ErasureCoding, StoragePolicy
from pileus.object_store.proxy.ask import one
from pileus.object_store.proxy.nodes import Nodes
from pileus.object_store.ring.device import Node
from pileus.object_store.storage.object.fragments import LISTED
from pileus.object_store.storage.object.history import fragment
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain

if TYPE_CHECKING:
    from pileus.object_store.proxy.proxy import Proxy

#: Stand-ins that are asked at a time.
BATCH = 4
UNKNOWN = -1


class Survey:
    """What servers said of one object. `path` is /ACCOUNT/CONTAINER/OBJECT."""

    def __init__(self, proxy: Proxy, policy: StoragePolicy, part: int, path: str):
        assert policy.erasure is not None
        self.proxy, self.policy, self.part, self.path = proxy, policy, part, path
        self.erasure: ErasureCoding = policy.erasure
        #: timestamp → index → who has that fragment
        self.held: dict[str, dict[int, list[Node]]] = {}
        #: timestamps of which somebody knows that they count
        self.durable: set[str] = set()
        #: timestamp → the answer with the newest metadata
        self.shown: dict[str, Response] = {}
        self.deleted = ""                   # the newest deletion that somebody knows of
        self.silent = 0                     # those who did not answer
        self.unasked: list[Node] = []       # those whom nobody waited for
        #: bodies that came at once: of which moment, of which index, whose, and the answer
        self.opened: list[tuple[str, int, Node, Response]] = []
        self.reading = False
        self.headers: dict[str, str] = {}

    @property
    def readable(self) -> str | None:
        """The newest that counts and of which there is enough."""
        return max((t for t in self.shown if t > self.deleted and len(self.held.get(t, ())) >= self.erasure.data), default=None)

    @property
    def settled(self) -> bool:
        """Whether the newest of what is known to count can be read."""
        return self.readable is not None and self.readable == max(self.durable)

    async def ask(self, nodes: Nodes, headers: Mapping[str, str], *, everybody: bool = False, reading: bool = False) -> None:
        """Ask those that should have fragments all at once, then those that may stand in; until it is settled, unless `everybody`.

        With `reading`, those whose fragments are the data as they are answer with them: mostly nobody need be asked twice. Whatever
        of that is not used is let go by `release`."""
        self.reading = reading
        self.headers = {**headers, LISTED: "yes", "x-backend-storage-policy-index": str(self.policy.index)}
        self.unasked = list(nodes)
        self.silent += len(nodes.primaries) - sum(not n.handoff for n in self.unasked)
        while self.unasked and (everybody or not self.settled):
            first = [n for n in self.unasked if not n.handoff]
            await self._ask(first or self.unasked[:BATCH], everybody)

    async def ask_rest(self) -> None:
        """Ask all who have not been asked."""
        await self._ask(list(self.unasked), True)

    async def _ask(self, nodes: Iterable[Node], everybody: bool) -> None:
        async def ask(node: Node) -> tuple[Node, Response]:
            read = self.reading and not node.handoff and node.index % self.erasure.unique < self.erasure.data
            req = Request("GET" if read else "HEAD", self.path)
            return node, await one(self.proxy, "object", node, self.part, req, self.path, self.headers)

        tasks = [asyncio.ensure_future(ask(node)) for node in nodes]
        pending = set(tasks)
        try:
            while pending:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for node, answer in [task.result() for task in tasks if task in done]:
                    self.unasked.remove(node)
                    self.heard(node, answer)
                if self.settled and not everybody:
                    # Those who are slower may answer still: their connections are worth more than their answers.
                    for task in pending:
                        self.proxy.unattended.add(ending := asyncio.ensure_future(_let_go(task)))
                        ending.add_done_callback(self.proxy.unattended.discard)
                    pending = set()
        finally:
            for task in pending:
                task.cancel()

    def heard(self, node: Node, answer: Response) -> None:
        if not answer.ok and answer.status != 404:
            self.silent += 1
            return
        listed = [found for stem in answer.header(LISTED).split(",") if (found := fragment(stem + ".data"))]
        for timestamp, index, durable in listed:
            self.held.setdefault(timestamp, {}).setdefault(index, []).append(node)
            if durable:
                self.durable.add(timestamp)
        if not answer.ok:
            self.deleted = max(self.deleted, answer.header("x-backend-timestamp"))
            return
        timestamp, changed = answer.header("x-backend-data-timestamp"), answer.header("x-backend-timestamp")
        self.durable.add(timestamp)
        if self.reading and answer.body:
            # Which fragment it is that came is certain only when there is one; otherwise none is taken for it.
            indexes = [index for at, index, _ in listed if at == timestamp]
            self.opened.append((timestamp, indexes[0] if len(indexes) == 1 else UNKNOWN, node, answer))
        if timestamp not in self.shown or self.shown[timestamp].header("x-backend-timestamp") < changed:
            self.shown[timestamp] = answer

    def take(self, timestamp: str) -> dict[int, tuple[Node, Response]]:
        """The bodies of fragments of a moment that came at once, one of each index; who takes them closes them."""
        taken: dict[int, tuple[Node, Response]] = {}
        for each in self.opened[:]:
            at, index, node, answer = each
            if at == timestamp and index != UNKNOWN and index not in taken:
                taken[index] = node, answer
                self.opened.remove(each)
        return taken

    async def release(self) -> None:
        """Let go of bodies that nobody took. Repeatable."""
        while self.opened:
            await self.opened.pop()[3].close()

    def refusal(self) -> Response:
        """The answer when nothing can be read: 404 only if those who are silent cannot have what would make it readable."""
        hidden = [t for t in self.durable if t > self.deleted and len(self.held.get(t, ())) + self.silent >= self.erasure.data]
        if hidden or self.silent > self.erasure.data:
            return plain(503)
        return plain(404, headers={"x-backend-timestamp": self.deleted} if self.deleted else None)


async def _let_go(task: asyncio.Task[tuple[Node, Response]]) -> None:
    _, answer = await task
    await answer.close()
