"""Whether the stores of images can be used now: what `pileus doctor` says of them. Changes nothing."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import msgspec

from pileus.image.backends.base import BlobStore, LocalBlobs, StoreFailed
from pileus.image.backends.stores import Stores

WAIT_S = 10
LEAST_GIB = 1
GIB = 1 << 30


class Condition(msgspec.Struct, frozen=True):
    store: str
    usable: bool
    text: str


async def conditions(stores: Stores) -> list[Condition]:
    """One for each store, in their order; all are asked at once, so that one that does not answer keeps nobody waiting twice."""
    return list(await asyncio.gather(*(_condition(stores, id) for id in stores.configured)))


async def _condition(stores: Stores, id: str) -> Condition:
    if id not in stores.writable:
        return Condition(id, True, "is only read")
    if (local := stores.local.get(id)) is not None:
        return _of_folders(id, local)
    return await _of_distant(id, stores.writable[id])


def _of_folders(id: str, blobs: LocalBlobs) -> Condition:
    """A folder that is not there yet is made at the start of the cloud: then it is its nearest parent that counts."""
    found = {folder: next(place for place in (folder, *folder.parents) if place.exists()) for folder in blobs.folders}
    if wrong := [str(folder) for folder, place in found.items() if not _takes_files(place)]:
        return Condition(id, False, f"cannot write to {', '.join(wrong)}")
    room = {place: shutil.disk_usage(place).free / GIB for place in found.values()}
    return Condition(id, max(room.values()) >= LEAST_GIB, ", ".join(f"{free:.1f} GiB free in {place}" for place, free in room.items()))


def _takes_files(place: Path) -> bool:
    return place.is_dir() and os.access(place, os.W_OK | os.X_OK)


async def _of_distant(id: str, blobs: BlobStore) -> Condition:
    try:
        async with asyncio.timeout(WAIT_S):
            return Condition(id, True, f"answers, and has the data of {len(await blobs.keys())} images")
    except StoreFailed as failure:
        return Condition(id, False, failure.detail or str(failure))
    except TimeoutError:
        return Condition(id, False, f"does not answer within {WAIT_S} s")
