"""The stores of this cloud by their names, and the driver of each."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pileus.core.clock import Clock
from pileus.core.config import ConfigInvalid
from pileus.core.log import Log
from pileus.image.backends.base import Blobs, BlobStore, DistantBlobs, LocalBlobs, StoreFailed
from pileus.image.backends.config import AnyStore, FileConfig, HttpConfig, RbdConfig, S3Config, StoreConfig, SwiftConfig
from pileus.image.backends.work import Workers

if TYPE_CHECKING:
    from pileus.image.config import ImageConfig

RESERVED = "os_glance_"
log = Log("pileus.image.stores")


class Around(NamedTuple):
    """What drivers are made with besides their options."""

    state: Path
    workers: Workers
    clock: Clock
    web: ImageConfig                        # which addresses may be asked on behalf of users


def configured_stores(config: ImageConfig, around: Around) -> Stores:
    """The stores of a cloud: those it configures, or one of files. Raises ConfigInvalid."""
    configured = config.stores or {"file": FileConfig(description="Files of this cloud", folder=config.folder)}
    return Stores(configured, config.default_store, around)


def file(config: FileConfig, around: Around) -> BlobStore:
    from pileus.image.backends.file import FileStore

    return FileStore([around.state / folder for folder in (config.folder or "images", *config.more_folders)], around.workers)


def swift(config: SwiftConfig, around: Around) -> BlobStore:
    from pileus.image.backends.swift import SwiftStore

    return SwiftStore(config, around.clock)


def s3(config: S3Config, around: Around) -> BlobStore:
    from pileus.image.backends.s3 import S3Store

    return S3Store(config, around.clock, around.workers)


def rbd(config: RbdConfig, around: Around) -> BlobStore:
    from pileus.image.backends.rbd import RbdStore

    return RbdStore(config)


def http(config: HttpConfig, around: Around) -> Blobs:
    from pileus.image.backends.http import HttpBlobs

    return HttpBlobs(around.web)


#: Stores that can be written, and those that cannot.
DRIVERS: dict[type[StoreConfig], Callable[..., BlobStore]] = {FileConfig: file, SwiftConfig: swift, S3Config: s3, RbdConfig: rbd}
READERS: dict[type[StoreConfig], Callable[..., Blobs]] = {HttpConfig: http}


class Stores:
    """All stores. One that is not configured any more may still be named in the rows of images: then it is passed over."""

    def __init__(self, configured: dict[str, AnyStore], default: str, around: Around):
        """Raises ConfigInvalid for a name that may not be, or a default store that cannot be written."""
        for id in configured:
            if not id or "," in id or id.startswith(RESERVED):
                raise ConfigInvalid(path="[image.stores]", why=f"{id!r} is not the name of a store")
        self.configured = configured
        self.writable = {id: DRIVERS[type(config)](config, around) for id, config in configured.items() if type(config) in DRIVERS}
        _apart([folder.resolve() for blobs in self.local.values() for folder in blobs.folders])
        readable = {id: READERS[type(config)](config, around) for id, config in configured.items() if type(config) in READERS}
        self.all: dict[str, Blobs] = {**self.writable, **readable}
        self.default = default or next(iter(self.writable), "")
        if self.default not in self.writable:
            raise ConfigInvalid(path="[image]", why=f"the default store {self.default!r} is not one that images can be stored in")

    def start(self) -> None:
        for blobs in self.local.values():
            blobs.start()

    @property
    def local(self) -> dict[str, LocalBlobs]:
        return {id: blobs for id, blobs in self.writable.items() if isinstance(blobs, LocalBlobs)}

    @property
    def distant(self) -> dict[str, DistantBlobs]:
        return {id: blobs for id, blobs in self.all.items() if isinstance(blobs, DistantBlobs)}

    async def discard(self, id: str, key: str) -> None:
        """Delete a blob that no image names any more. In a store that cannot be reached the sweep finds it; one that is not
        ours to write to, or not configured any more, keeps what it has."""
        if (store := self.writable.get(id)) is not None:
            try:
                await store.delete(key)
            except StoreFailed as failure:
                log.warning("the data of an image could not be deleted yet", store=id, key=key, why=failure.detail or str(failure))

    def ordered(self, ids: Iterable[str]) -> list[str]:
        """The preferred ones first."""
        return sorted(ids, key=lambda id: (-self.configured[id].weight if id in self.configured else 0, id))


def _apart(folders: list[Path]) -> None:
    """Raises ConfigInvalid when a folder is another one or in it: what is one store's, the other would sweep away."""
    for at, folder in enumerate(folders):
        for other in folders[:at]:
            if folder.is_relative_to(other) or other.is_relative_to(folder):
                raise ConfigInvalid(path="[image.stores]", why=f"the folders {other} and {folder} are not apart")
