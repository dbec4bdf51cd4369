"""The older form of locations: a patch of an image's list of addresses, where an operator has them shown.

As upstream, nothing at an address is read here but how much it is, and digests are believed; every host that copies the bytes holds
them to those digests and inspects them first (see `proof`). Only addresses that downloads may come from are taken, never a file of
this host nor a key in one of its stores (OSSA-2014-041), and an image always keeps one of its places (OSSA-2016-006).
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from pileus.core.errors import Invalid
from pileus.image.errors import (
    FormatsMissing,
    ImageInWrongState,
    LastCopy,
    LocationsMissing,
    SignatureIncomplete,
    TooMany,
    ValidationConflict,
)
from pileus.image.model import ACTIVE, QUEUED, Image, Place
from pileus.image.service.locations import Locations, check_digest
from pileus.image.service.signatures import signed

Text = Annotated[str, Meta(max_length=255)]


class Validation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the bytes are said to be. The names are those of the image's attributes."""

    checksum: Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{32}$", max_length=32)] | None = None
    os_hash_algo: Annotated[str, Meta(max_length=64)] | None = None
    os_hash_value: Annotated[str, Meta(max_length=128)] | None = None


class GivenLocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: Annotated[str, Meta(min_length=1, max_length=2048)]
    metadata: Annotated[dict[Text, Text], Meta(max_length=64)] = {}
    validation_data: Validation = Validation()


class Move(msgspec.Struct, frozen=True):
    """One operation of a patch on the list of locations. Without `at` it is about the end of the list."""

    op: Literal["add", "replace", "remove"]
    at: int | None = None
    given: tuple[GivenLocation, ...] = ()


class Moves(msgspec.Struct, frozen=True):
    """Operations, and how many bytes are at every address that they bring."""

    all: list[Move]
    sizes: dict[str, int]


class Relocating:
    def __init__(self, locations: Locations, most: int):
        self.locations, self.copies, self.most = locations, locations.copies, most

    async def prepare(self, image: Image, moves: list[Move]) -> Moves:
        """Ask at the new addresses, before anything is locked.

        Raises AddressRefused, DownloadFailed, ImageDataTooLarge or TooMany."""
        known = {location.url for location in self.locations.all(image)}
        new = dict.fromkeys(given.url for move in moves for given in move.given if given.url not in known)
        self._limit(len(new))
        stores = {url: self.locations.store_of(url) for url in new}
        return Moves(moves, {url: await self.locations.size(store, url) for url, store in stores.items()})

    async def values(self, image: Image, moves: Moves) -> dict[str, Any]:
        """The fields that change, for an image that is locked. Raises when one of the moves is not possible; then none is made."""
        if image.status not in (QUEUED, ACTIVE):
            raise ImageInWrongState(id=image.id, status=image.status, action="changing its locations")
        self.copies.idle(image)
        before = self.copies.reading.places(image) if image.has_data else []
        unseen = [place for place in image.places if place not in before] if image.has_data else []
        places = before
        for move in moves.all:
            places = self._moved(image, places, move)
        self._limit(len(places))
        told = validated(image, [given for move in moves.all for given in move.given])
        values: dict[str, Any] = {} if places == before else {"places": [*places, *unseen]}
        if image.status == QUEUED and places:
            values |= told | await self._activated(image, moves.sizes[places[0].key])
        return values

    # ---- parts -------------------------------------------------------------------------------------------------------
    def _moved(self, image: Image, places: list[Place], move: Move) -> list[Place]:
        if move.op == "add":
            [given] = move.given
            if any(self.locations.url(place) == given.url for place in places):
                raise Invalid(f"The image has the location {given.url} already.")
            at = len(places) if move.at is None else move.at
            return [*places[:at], self._place(given), *places[at:]]
        if move.op == "remove":
            return self._without(image, places, move.at)
        return self._replaced(places, move.given)

    def _without(self, image: Image, places: list[Place], at: int | None) -> list[Place]:
        if image.status != ACTIVE:
            raise ImageInWrongState(id=image.id, status=image.status, action="removing a location")
        if len(places) == 1:
            raise LastCopy(id=image.id, store=places[0].store)
        at = len(places) - 1 if at is None else at
        if at >= len(places):
            raise Invalid("Invalid position for removing a location.")
        return [*places[:at], *places[at + 1:]]

    def _replaced(self, places: list[Place], given: tuple[GivenLocation, ...]) -> list[Place]:
        """Where there are some, only their order and metadata change."""
        if not given:
            raise LocationsMissing()
        if len({one.url for one in given}) != len(given):
            raise Invalid("A location is given twice.")
        known = {self.locations.url(place): place for place in places}
        if places and known.keys() != {one.url for one in given}:
            raise Invalid("The image has locations: its addresses can be added to and removed, but not replaced.")
        return [self._place(one, known.get(one.url)) for one in given]

    def _place(self, given: GivenLocation, known: Place | None = None) -> Place:
        """Raises AddressRefused, or Invalid for metadata that name another store."""
        store = known.store if known is not None else self.locations.store_of(given.url)
        if given.metadata.get("store", store) != store:
            raise Invalid(f"The location {given.url} is of the store {store}.")
        metadata = {name: value for name, value in given.metadata.items() if name != "store"}
        return Place(store, given.url if known is None else known.key, metadata)

    async def _activated(self, image: Image, size: int) -> dict[str, Any]:
        if not image.disk_format or not image.container_format:
            raise FormatsMissing()
        if signed(image):
            raise SignatureIncomplete(why="its data stay where they are, unread")
        await self.locations.uploads.quotas.more_bytes(image.owner, size)
        return {"status": ACTIVE, "size": size, "blob": self.locations.kit.ids.uuid()}

    def _limit(self, count: int) -> None:
        if count > self.most:
            raise TooMany(limit=self.most, what="locations")


def validated(image: Image, given: list[GivenLocation]) -> dict[str, str]:
    """What is said of the bytes and not known yet. Raises ValidationConflict, or Invalid for a digest that cannot be."""
    found: dict[str, str] = {}
    for one in given:
        for name, value in msgspec.structs.asdict(one.validation_data).items():
            if value is not None and found.setdefault(name, value.lower()) != value.lower():
                raise ValidationConflict(name=name)
    new = {name: value for name, value in found.items() if getattr(image, name) != value}
    for name in new:
        if image.status != QUEUED:
            raise ValidationConflict(name=name)
    if new:
        check_digest(new.get("os_hash_algo"), new.get("os_hash_value"))
    return new
