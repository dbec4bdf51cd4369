"""The contract of an image store: blobs by key. `tests/image/backends/contract.py` holds every store to it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Protocol

from pileus.core.errors import CloudError


class BlobMissing(CloudError):
    """The bytes of an image are not where they must be: never the caller's fault."""

    code, message = "image.blob_missing", "The data of the image cannot be read."


class StoreFull(CloudError):
    status, code, message = 413, "image.store_full", "There is no space left for the data of the image."


class BlobStore(Protocol):
    """Keeps blobs. Keys are ids of our own, chosen before; a blob is there with all its bytes or not at all."""

    async def put(self, key: str, blocks: AsyncIterator[bytes]) -> None:
        """Keep what comes. When it returns the blob survives a crash; when it raises (`blocks` may), nothing is left.

        Takes a block only when the one before is on its way: the memory of an upload is a few blocks."""

    def read(self, key: str, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` on, in blocks. Raises BlobMissing."""

    async def delete(self, key: str) -> None:
        """Forget a blob, a half-written one too. An absent one is deleted already."""

    async def keys(self) -> set[str]:
        """Keys of everything that takes space, half-written blobs included."""


class LocalBlobs(Protocol):
    """A store whose blobs are files of this host."""

    def path(self, key: str) -> Path: ...
