"""Brings fragments of coded objects to the devices that should have them.

What a neighbour of a partition lacks is rebuilt from other fragments and sent to it; each device looks after a few neighbours, so
that a lost device is refilled by several. What this device should not have (a handoff's, or after the ring changed) is sent
where it belongs, and then removed. Fragments that are not durable are left alone for as long as their PUT may be under way.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

import msgspec

from pileus.object_store.daemons.object_replicator import BATCH, ObjectReplicator
from pileus.object_store.model.policy import ErasureCoding, StoragePolicy
from pileus.object_store.model.timestamp import seconds
from pileus.object_store.proxy.erasure.codec import Unreadable, segments
from pileus.object_store.proxy.erasure.read import Stripes, Whole
from pileus.object_store.proxy.erasure.survey import Survey
from pileus.object_store.ring.device import Device, Node
from pileus.object_store.ring.ring import Ring
from pileus.object_store.storage.object.files import Files, Metadata, Missing
from pileus.object_store.storage.object.fragments import INDEX
from pileus.object_store.storage.object.hashes import of_index, without
from pileus.object_store.storage.object.history import data_time, fragment, fragment_name, resolve
from pileus.object_store.storage.object.replicate import METADATA
from pileus.object_store.wire.message import Request

#: How long a PUT may take between a fragment and the word that it counts.
COMMIT_WINDOW_S = 60.0


class Here(msgspec.Struct, frozen=True, kw_only=True):
    """A partition on one of the own devices."""

    policy: StoragePolicy
    erasure: ErasureCoding
    device: Device
    files: Files
    part: int

    def index(self, node: Node) -> int:
        """Which fragments a device should have."""
        return node.index % self.erasure.unique


class ObjectReconstructor(ObjectReplicator):
    name = "object-reconstructor"

    def policies(self) -> Iterable[StoragePolicy]:
        return (p for p in self.store.policies if p.erasure is not None)

    async def partition(self, policy: StoragePolicy, ring: Ring, device: Device, files: Files, part: int) -> None:
        assert policy.erasure is not None
        here = Here(policy=policy, erasure=policy.erasure, device=device, files=files, part=part)
        self.did["partitions"] += 1
        primaries, own = ring.primaries(part), await self.run(device, files.hashes, part)
        place = next((at for at, n in enumerate(primaries) if n.device.id == device.id), None)
        index = here.index(primaries[place]) if place is not None else None
        if place is not None and index is not None:
            for node in neighbours(primaries, place):
                await self.look_after(here, own, index, node)
        for suffix, hash in own.items():
            if index is None or strays(hash, index):
                await self.revert(here, primaries, suffix, index)
        if place is None:
            await self.run(device, files.remove_partition, part)

    # ---- neighbours --------------------------------------------------------------------------------------------------
    async def look_after(self, here: Here, own: dict[str, str], index: int, node: Node) -> None:
        """Give a neighbour what it lacks of what is known here."""
        there = await self.ask(here.policy, node, here.part, "")
        if there is None:
            return
        wanted = here.index(node)
        differing = [s for s, hash in own.items() if s not in there or of_index(hash, index) != of_index(there[s], wanted)]
        for at in range(0, len(differing), BATCH):
            batch = differing[at:at + BATCH]
            theirs = await self.ask(here.policy, node, here.part, "/" + "-".join(batch))
            if theirs is None:
                return
            for suffix in batch:
                for hash, names in (await self.run(here.device, here.files.suffix, here.part, suffix)).items():
                    for name in lacking(names, index, theirs.get(hash, []), wanted):
                        if not name.endswith(".data"):
                            await self.send(here.policy, here.device, here.files, here.part, hash, name, node)
                        elif fragment_name(data_time(name), wanted, durable=False) in theirs.get(hash, []):
                            await self.commit(here, hash, data_time(name), index, node)
                        else:
                            await self.rebuild(here, hash, data_time(name), index, node)

    async def rebuild(self, here: Here, hash: str, at: str, index: int, node: Node) -> None:
        """Give a device its fragment of a moment, reckoned from others. `index`: that of the fragment that is here."""
        try:
            found = await self.run(here.device, here.files.open_fragment, here.part, hash, at, index)
        except Missing:
            return                          # it was replaced meanwhile
        found.close()
        survey = Survey(self.store.proxy, here.policy, here.part, found.metadata["name"])
        await survey.ask(self.store.proxy.nodes(self.store.rings[here.policy.ring], here.part), {"x-backend-open-expired": "true"})
        if survey.readable == at:
            self.did["rebuilt"] += await self.send_rebuilt(here, Whole(self.store.proxy, survey, at), hash, found.metadata, node)
        elif survey.readable is None and not survey.silent and at < self.store.node.reclaim_before():
            # Everybody has answered, and it cannot be read: what is left of an object that was deleted while this device was away.
            await self.run(here.device, here.files.quarantine, here.part, hash, "a fragment without its siblings")
            self.did["quarantined"] += 1
        else:
            self.did["unreadable"] += survey.readable is None

    async def send_rebuilt(self, here: Here, whole: Whole, hash: str, metadata: Metadata, node: Node) -> bool:
        told = {n: v for n, v in metadata.items() if n != "etag"}       # of the new fragment: the other side reckons it
        headers = {"x-backend-storage-policy-index": str(here.policy.index), "content-length": metadata["content-length"],
                   METADATA: msgspec.json.encode(told).decode("utf-8", "surrogateescape")}
        name = fragment_name(whole.at, here.index(node), durable=True)
        try:
            async with aclosing(rebuilt(whole, here.index(node))) as body:
                req = Request("SYNC", f"/object/{node.device.device}/{here.part}/{hash}/{name}", headers, body=body)
                answer = await self.store.transport(node.replication, req)
                await answer.close()
        except (OSError, Unreadable):
            self.did["unreachable"] += 1
            return False
        return answer.ok

    async def commit(self, here: Here, hash: str, at: str, index: int, node: Node) -> bool:
        """Say to a device that has its fragment that it is durable. `index`: that of the fragment that is here."""
        headers = {"x-backend-storage-policy-index": str(here.policy.index), "x-timestamp": at, INDEX: str(here.index(node))}
        try:
            found = await self.run(here.device, here.files.open_fragment, here.part, hash, at, index)
            found.close()
            path = f"/object/{node.device.device}/{here.part}{found.metadata['name']}"
            answer = await self.store.transport(node.replication, Request("COMMIT", path, headers))
            await answer.close()
        except (OSError, Missing):
            return False
        self.did["committed"] += answer.ok
        return answer.ok

    # ---- what should be elsewhere ------------------------------------------------------------------------------------
    async def revert(self, here: Here, primaries: list[Node], suffix: str, index: int | None) -> None:
        """Send what should not be here where it belongs, and remove what is safe there. `index`: that of this device, if it has one."""
        known: dict[int, dict | None] = {}
        for hash, names in (await self.run(here.device, here.files.suffix, here.part, suffix)).items():
            for name in sorted(names, key=lambda n: (not n.endswith(".data"), n)):
                found = fragment(name)
                if (index is not None and (found is None or found[1] == index)) or (found and self.under_way(found)):
                    continue
                safe = True
                for node in (n for n in primaries if found is None or here.index(n) == found[1]):
                    if node.device.id not in known:
                        known[node.device.id] = await self.ask(here.policy, node, here.part, "/" + suffix)
                    theirs = known[node.device.id]
                    safe &= theirs is not None and await self.give(here, hash, name, node, theirs.get(hash, []))
                if safe:
                    await self.run(here.device, here.files.remove, here.part, hash, [name])
                    self.did["removed"] += 1

    def under_way(self, found: tuple[str, int, bool]) -> bool:
        """Whether word that a fragment is durable may be about to come."""
        timestamp, _, durable = found
        return not durable and self.store.clock.now().timestamp() - seconds(timestamp) < COMMIT_WINDOW_S

    async def give(self, here: Here, hash: str, name: str, node: Node, theirs: list[str]) -> bool:
        """Whether a device has a file now, or something newer."""
        if name in theirs or name not in resolve([name, *theirs]).counting:
            return True
        if (found := fragment(name)) and fragment_name(found[0], found[1], durable=False) in theirs:
            return await self.commit(here, hash, found[0], found[1], node)
        sent = await self.send(here.policy, here.device, here.files, here.part, hash, name, node)
        self.did["reverted"] += sent
        return sent


async def rebuilt(whole: Whole, index: int) -> AsyncGenerator[bytes]:
    """The fragment of an index, reckoned from others."""
    if not whole.length:
        return
    stripes = Stripes(whole, 0, segments(whole.length, whole.segment) - 1, without=index)
    await stripes.open()
    async with aclosing(stripes.pieces()) as each:
        async for pieces in each:
            yield whole.codec.reconstruct(pieces, index)


def neighbours(primaries: list[Node], place: int) -> list[Node]:
    """Those that a device of a partition looks after: the next on both sides, and the one farthest away."""
    count = len(primaries)
    chosen = {(place + step) % count for step in (1, -1, count // 2)} - {place}
    return [primaries[at] for at in sorted(chosen)]


def strays(hash: str, index: int) -> bool:
    """Whether a suffix has fragments of another index."""
    return any(part.partition("=")[0] not in ("-", str(index)) for part in hash.split(" ")) if "=" in hash else False


def lacking(mine: list[str], index: int, theirs: list[str], theirs_index: int) -> list[str]:
    """The files of an object that a neighbour lacks; a fragment is named like a whole body. Pure."""
    own, other = without({"": mine}, index).get("", []), without({"": theirs}, theirs_index).get("", [])
    counting = set(resolve([*own, *theirs, *other]).counting)
    return sorted((n for n in own if n in counting and n not in other), key=lambda n: (not n.endswith((".data", ".ts")), data_time(n)))
