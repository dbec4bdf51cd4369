"""Has objects found where they are looked for when a ring has twice as many partitions.

While the doubling is prepared, each object gets a second name in its new partition, beside what servers write there themselves; once the
ring has the new partitions, or the doubling was called off, the names in the other ones go. It is run by operators, not by itself.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.object_store.daemons.daemon import Daemon
from pileus.object_store.model.names import partition
from pileus.object_store.ring.ring import Ring
from pileus.object_store.storage.object.diskfile import DiskFiles


class ObjectRelinker(Daemon):
    """One pass gives second names; with `cleanup`, it takes away those that nobody looks for any more."""

    name = "object-relinker"
    cleanup = False

    async def work(self) -> None:
        for policy in self.store.policies:
            ring = self.store.rings[policy.ring]
            step = "cleanup" if ring.next_part_power == ring.part_power else "relink"
            if ring.next_part_power is None or step != ("cleanup" if self.cleanup else "relink"):
                self.did["rings that this has nothing to do with"] += 1
                continue
            for device, _ in self.own_devices(ring):
                files, run = self.store.node.files_of(device.device, policy), self.store.node.devices.threads_of(device.device).run
                assert isinstance(files, DiskFiles)
                for part in await run(files.partitions):
                    await run(self.partition, ring, files, part)

    def partition(self, ring: Ring, files: DiskFiles, part: int) -> None:
        assert ring.next_part_power is not None
        for suffix in files.hashes(part):
            for hash, names in files.suffix(part, suffix).items():
                if partition(hash, ring.next_part_power) != part:
                    # Before names are taken away, too: what was written while nobody had the new ring is there then as well.
                    files.relink(part, hash, names)
                    self.did["linked"] += 1
                    if self.cleanup:
                        files.remove(part, hash, names)
                        self.did["removed"] += 1
        if self.cleanup:
            files.remove_partition(part)
