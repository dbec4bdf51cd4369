"""Images whose bytes stay where a caller says they are, on a web server that images may be read from.

A caller may only say so of a queued image, once, and only of an address that downloads may come from (OSSA-2026-004): never of a
file of this host (OSSA-2014-041). What is there is hashed and inspected like an upload before the image is active, and again by
every host that copies it: a web server may change its mind.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import msgspec

from pileus.core.context import EVERYONE, Context
from pileus.core.errors import Invalid
from pileus.core.kit import Kit
from pileus.image import web
from pileus.image.backends.base import LocalBlobs
from pileus.image.backends.config import HttpConfig
from pileus.image.config import ImageConfig
from pileus.image.errors import AddressRefused, FormatsMissing, ImageDataTooLarge, ImageInWrongState, ImageNotFound, LocationMismatch
from pileus.image.model import LOCATION_IMPORT, TRANSITIONS, Image, Place, Received, Task
from pileus.image.sagas.add_location import ADD_LOCATION, AddLocation
from pileus.image.service.copies import Copies
from pileus.image.service.signatures import signed
from pileus.image.service.uploads import Uploads

ALGORITHM = "sha512"
ALGORITHMS = frozenset(name for name in hashlib.algorithms_guaranteed if not name.startswith("shake"))
UNKNOWN: dict[str, Any] = {"size": None, "virtual_size": None, "checksum": None, "os_hash_algo": None, "os_hash_value": None}


class Location(msgspec.Struct, frozen=True):
    url: str
    metadata: dict[str, str]


class Locations:
    def __init__(self, kit: Kit, config: ImageConfig, uploads: Uploads, copies: Copies):
        self.kit, self.config, self.uploads, self.copies = kit, config, uploads, copies
        self.store, self.stores, self.tasks = uploads.store, uploads.stores, copies.tasks
        kit.sagas.register(ADD_LOCATION, self)

    def all(self, image: Image) -> list[Location]:
        """Where the bytes of an image are, the preferred place first. Only for services that read them there."""
        places = self.copies.reading.places(image) if image.has_data else []
        return [Location(self.url(place), {**place.metadata, "store": place.store}) for place in places]

    def store_of(self, url: str) -> str:
        """The store that reads from an address. Raises AddressRefused."""
        store = next((id for id, config in self.stores.configured.items() if isinstance(config, HttpConfig)), None)
        if store is None:
            raise AddressRefused(uri=url, why="there is no store that reads from there")
        web.check(url, self.config)
        return store

    async def size(self, store: str, url: str) -> int:
        """How many bytes are said to be there. Raises AddressRefused, DownloadFailed or ImageDataTooLarge."""
        size = await self.stores.distant[store].size(url)
        if size > self.config.max_image_bytes:
            raise ImageDataTooLarge(limit=self.config.max_image_bytes)
        return size

    async def add(self, who: Context, image: Image, url: str, algorithm: str | None, value: str | None) -> Task:
        """Have the bytes at an address looked at, and be the image's. `value` is the digest that they must have.

        Raises AddressRefused, Invalid for a digest that cannot be, FormatsMissing or ImageInWrongState."""
        check_digest(algorithm, value)
        store = self.store_of(url)
        if not image.disk_format or not image.container_format:
            raise FormatsMissing()
        now, told = self.kit.clock.now(), {} if algorithm is None else {"os_hash_algo": algorithm, "os_hash_value": value}
        task = Task(id=self.kit.ids.uuid(), type=LOCATION_IMPORT, status="processing", owner=image.owner, user_id=who.user_id,
                    request_id=who.request_id, image_id=image.id, created_at=now, updated_at=now,
                    input={"image_id": image.id, "loc_url": url, "validation_data": told})
        state = AddLocation(image_id=image.id, task_id=task.id, blob=self.kit.ids.uuid(), store=store, url=url,
                            algorithm=algorithm or ALGORITHM, expected=value)
        allowed, to = TRANSITIONS["import_web"]
        async with self.kit.db.transaction():
            await self.uploads.quotas.one_more_upload(image.owner)
            if not await self.store.change_state(image.id, allowed, to, now, set_blob=state.blob, places=[]):
                raise ImageInWrongState(id=image.id, status=image.status, action="adding a location")
            await self.tasks.add(task)
            await self.kit.sagas.begin(ADD_LOCATION, image.id, state)
        return task

    # ---- what the saga does ------------------------------------------------------------------------------------------
    async def verify(self, state: AddLocation) -> Received:
        """Raises what an upload of these bytes would, or LocationMismatch. Where nothing is hashed, hosts that read the bytes do it."""
        image = await self.copies.get(state.image_id)
        if not self.config.do_secure_hash and not signed(image):
            return Received(size=await self.size(state.store, state.url), virtual_size=None, checksum=None,
                            os_hash_algo=state.algorithm if state.expected else None,
                            os_hash_value=state.expected.lower() if state.expected else None)
        async with aclosing(self.stores.all[state.store].read(state.url)) as data:
            received = await self.uploads.look(image, state.blob, data, state.algorithm)
        if state.expected is not None and received.os_hash_value != state.expected.lower():
            raise LocationMismatch(algorithm=state.algorithm)
        return received

    async def activate(self, state: AddLocation) -> None:
        """Repeatable: an image that is active by now is left as it is."""
        allowed, to = TRANSITIONS["finish_import"]
        received = state.received
        assert received is not None
        async with self.kit.db.transaction():
            image = await self.copies.get(state.image_id)
            if not image.has_data:
                await self.uploads.quotas.more_bytes(image.owner, received.size)
            ended = await self.store.change_state(state.image_id, allowed, to, self.kit.clock.now(), blob=state.blob,
                                                  places=[Place(state.store, state.url)], **msgspec.structs.asdict(received))
            if not ended and not image.has_data:
                raise ImageNotFound(id=state.image_id)
            await self._ended(state, "success", result={"image_id": state.image_id})

    async def undo(self, state: AddLocation, why: str) -> None:
        """The image is queued again; as upstream, it still says where its bytes were looked for. Repeatable."""
        allowed, to = TRANSITIONS["undo_import"]
        async with self.kit.db.transaction():
            image = await self.store.find(state.image_id, EVERYONE, lock=True)
            if image is not None and image.has_data and image.blob == state.blob:
                return
            await self.store.change_state(state.image_id, allowed, to, self.kit.clock.now(), blob=state.blob, set_blob=None,
                                          places=[Place(state.store, state.url)], **UNKNOWN)
            await self._ended(state, "failure", message=why)

    # ---- parts -------------------------------------------------------------------------------------------------------
    async def _ended(self, state: AddLocation, status: str, **values: Any) -> None:
        now = self.kit.clock.now()
        await self.tasks.update(state.task_id, now, status=status, expires_at=now + timedelta(days=self.config.task_days), **values)

    def url(self, place: Place) -> str:
        config, blobs = self.stores.configured[place.store], self.stores.all[place.store]
        if isinstance(config, HttpConfig):
            return place.key
        return blobs.path(place.key).as_uri() if isinstance(blobs, LocalBlobs) else f"{config.type}://{place.store}/{place.key}"


def check_digest(algorithm: str | None, value: str | None) -> None:
    """Raises Invalid for a digest that no bytes can have, or of which it is not said how it was made."""
    if (algorithm is None) != (value is None):
        raise Invalid("os_hash_algo and os_hash_value are given together.")
    if algorithm is None or value is None:
        return
    if algorithm not in ALGORITHMS:
        raise Invalid(f"os_hash_algo must be one of {', '.join(sorted(ALGORITHMS))}.")
    if len(value) != 2 * hashlib.new(algorithm).digest_size or any(digit not in "0123456789abcdefABCDEF" for digit in value):
        raise Invalid(f"os_hash_value is no digest of {algorithm}.")
