"""Images and what may be done to them in which state. Pure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

QUEUED, SAVING, UPLOADING, IMPORTING = "queued", "saving", "uploading", "importing"
ACTIVE, DEACTIVATED = "active", "deactivated"
PUBLIC, COMMUNITY, SHARED, PRIVATE = "public", "community", "shared", "private"
PENDING, ACCEPTED, REJECTED = "pending", "accepted", "rejected"

STATUSES = (QUEUED, SAVING, UPLOADING, IMPORTING, ACTIVE, DEACTIVATED)
VISIBILITIES = (PUBLIC, COMMUNITY, SHARED, PRIVATE)
MEMBER_STATUSES = (PENDING, ACCEPTED, REJECTED)
#: A task that made its image, one that imports into an image that is there, and one that adds a location to it.
IMPORT, IMAGE_IMPORT, LOCATION_IMPORT = "import", "api_image_import", "location_import"
TASK_TYPES = (IMPORT, IMAGE_IMPORT, LOCATION_IMPORT)
TASK_STATUSES = ("pending", "processing", "success", "failure")
#: States of an image whose bytes are on their way.
COMING = (SAVING, UPLOADING, IMPORTING)
#: What is inside such a container is not the disk that `disk_format` names: there is nothing to hold the declaration against.
OPAQUE_CONTAINERS = frozenset({"ova", "docker", "compressed"})
#: Kernels, ramdisks and disks without a format: nothing is ever opened as anything but their bytes.
UNFORMATTED_DISKS = frozenset({"ami", "ari", "aki"})

Action = Literal["upload", "finish", "requeue", "stage", "finish_stage", "import_staged", "import_web", "finish_import", "undo_import",
                 "deactivate", "reactivate"]
#: action → (the states it is allowed in, the state it leads to). An image in the target state already is left as it is by
#: deactivate and reactivate; deleting is allowed in every state and leads out of the table.
TRANSITIONS: dict[Action, tuple[frozenset[str], str]] = {
    "upload":     (frozenset({QUEUED}), SAVING),
    "finish":     (frozenset({SAVING}), ACTIVE),
    "requeue":    (frozenset({SAVING, UPLOADING}), QUEUED),
    "stage":      (frozenset({QUEUED}), UPLOADING),
    "finish_stage":  (frozenset({UPLOADING}), UPLOADING),
    "import_staged": (frozenset({UPLOADING}), IMPORTING),
    "import_web":    (frozenset({QUEUED}), IMPORTING),
    "finish_import": (frozenset({IMPORTING}), ACTIVE),
    "undo_import":   (frozenset({IMPORTING}), QUEUED),
    "deactivate": (frozenset({ACTIVE, DEACTIVATED}), DEACTIVATED),
    "reactivate": (frozenset({ACTIVE, DEACTIVATED}), ACTIVE),
}


class Place(msgspec.Struct, frozen=True):
    """Where all bytes of an image are: a store, and the key they are known by there. `metadata` is what its owner says of it."""

    store: str
    key: str
    metadata: dict[str, str] = {}


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """An image. `blob` is the key of its bytes in every store that we write to: chosen when an upload begins, before there is a
    byte. `places` have all of them, `coming` are stores that may have some and will have all. `failed` are stores that the last
    import did not bring them to; None when there was no import."""

    id: str
    name: str | None = None
    status: str = QUEUED
    visibility: str = SHARED
    owner: str | None = None
    disk_format: str | None = None
    container_format: str | None = None
    min_disk: int = 0
    min_ram: int = 0
    protected: bool = False
    os_hidden: bool = False
    size: int | None = None
    virtual_size: int | None = None
    checksum: str | None = None
    os_hash_algo: str | None = None
    os_hash_value: str | None = None
    tags: list[str] = []
    properties: dict[str, str] = {}
    blob: str | None = None
    places: list[Place] = []
    coming: list[str] = []
    failed: list[str] | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def has_data(self) -> bool:
        return self.status in (ACTIVE, DEACTIVATED)

    @property
    def stores(self) -> list[str]:
        return list(dict.fromkeys(place.store for place in self.places))


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """An import and how it goes. `message` is the progress while it goes on, and the reason when it failed."""

    id: str
    type: str = IMAGE_IMPORT
    status: str = "pending"
    owner: str | None = None
    user_id: str | None = None
    request_id: str | None = None
    image_id: str
    input: dict[str, Any] = {}
    result: dict[str, Any] | None = None
    message: str = ""
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None


class Cached(msgspec.Struct, frozen=True, kw_only=True):
    """A copy of an image on the host `node`, or one that is to be made: then it has no `cached_at`."""

    node: str
    image_id: str
    size: int | None = None
    hits: int = 0
    queued_at: datetime
    cached_at: datetime | None = None
    accessed_at: datetime


class WantedTasks(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks a list is of. `sort` is (field, descending) of each key and ends with a unique one."""

    equal: tuple[tuple[str, str], ...] = ()
    sort: tuple[tuple[str, bool], ...] = (("created_at", True), ("id", True))
    limit: int
    after: Task | None = None               # the last task of the page before


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A project that an image is shared with, and what it thinks of it."""

    image_id: str
    member_id: str
    status: str = PENDING
    created_at: datetime
    updated_at: datetime


class RemoteImage(msgspec.Struct, frozen=True, kw_only=True):
    """An image of a cloud that the caller's catalog knows by this region."""

    region: str
    interface: str
    image_id: str


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """An image of another cloud."""

    endpoint: str
    image_id: str


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """What that cloud says of its image, as far as it matters here."""

    size: int
    disk_format: str
    container_format: str
    os_hash_algo: str | None = None
    os_hash_value: str | None = None
    properties: dict[str, str] = {}


class DeletedImage(msgspec.Struct, frozen=True, kw_only=True):
    """What an image was when it was deleted, and until when its bytes are kept."""

    id: str
    image: Image
    members: list[Member] = []
    places: list[Place] = []
    coming: list[str] = []                  # none: as the rows of images have it
    deleted_at: datetime
    scrub_at: datetime


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """What an upload came to. Of bytes that nobody read, there is no digest but one that was told."""

    size: int
    virtual_size: int | None
    checksum: str | None
    os_hash_value: str | None
    os_hash_algo: str | None = "sha512"


Operator = Literal["eq", "neq", "lt", "lte", "gt", "gte", "in"]


class Condition(msgspec.Struct, frozen=True):
    """A comparison of a field of an image: with one value, or for "in" with several."""

    field: str
    operator: Operator
    value: Any


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which images a list is of. `sort` ends with a unique field, so that pages neither repeat nor miss any."""

    conditions: tuple[Condition, ...] = ()
    tags: tuple[str, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    visibility: str | None = None           # None: whatever is the caller's to see at a glance; "all": community images too
    member_status: str | None = ACCEPTED    # of images shared with the caller; None: any
    sort: tuple[tuple[str, bool], ...] = (("created_at", True), ("id", True))       # (field, descending)
    limit: int | None = None
    after: Image | None = None              # the last image of the page before
