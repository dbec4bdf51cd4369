"""The contract of an image store: blobs by key. `tests/image/backends/contract.py` holds every store to it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from pileus.core.errors import CloudError


class StoreFailed(CloudError):
    """A store could not do what it was asked: another one may."""

    status, code, message = 503, "image.store_failed", "The store of the image cannot be used now."


class BlobMissing(StoreFailed):
    """The bytes of an image are not where they must be: never the caller's fault."""

    status, code, message = 500, "image.blob_missing", "The data of the image cannot be read."


class BlobInUse(StoreFailed):
    """Something else needs the bytes: they can be deleted later."""

    status, code, message = 409, "image.blob_in_use", "The data of the image is in use."


class StoreFull(StoreFailed):
    status, code, message = 413, "image.store_full", "There is no space left for the data of the image."


class Blobs(Protocol):
    """Where bytes can be read from, by the key that they are known by there."""

    def read(self, key: str, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` on, in blocks. Raises BlobMissing, or StoreFailed when nobody answers."""


class BlobStore(Blobs, Protocol):
    """Keeps blobs. Keys are ids of our own, chosen before; a blob is there with all its bytes or not at all."""

    async def put(self, key: str, blocks: AsyncIterator[bytes]) -> None:
        """Keep what comes. When it returns the blob survives a crash; when it raises (`blocks` may), nothing is left.

        Takes a block only when the one before is on its way: the memory of an upload is a few blocks. Raises BlobMissing when
        the blob was deleted meanwhile, StoreFailed, or what `blocks` raises."""

    async def delete(self, key: str) -> None:
        """Forget a blob, a half-written one too. An absent one is deleted already. Raises BlobInUse when others need it."""

    async def keys(self) -> set[str]:
        """Keys of everything that takes space, half-written blobs included."""


@runtime_checkable
class DistantBlobs(Blobs, Protocol):
    """Blobs that somebody else keeps."""

    async def size(self, key: str) -> int:
        """How many bytes there are said to be. Raises AddressRefused or DownloadFailed."""


@runtime_checkable
class LocalBlobs(Protocol):
    """A store whose blobs are files of this host."""

    folders: Sequence[Path]

    def start(self) -> None:
        """Make room for them."""

    def path(self, key: str) -> Path:
        """The file of a blob, if there is one."""
