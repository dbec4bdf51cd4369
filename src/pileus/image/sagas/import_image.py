"""Importing an image: its bytes are where they will be stored, or are downloaded to there; then it is active.

After a crash the download begins anew under the same key. What fails leaves a queued image without bytes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pileus.core.errors import CloudError
from pileus.core.saga import Saga, Step
from pileus.image.model import Received

if TYPE_CHECKING:
    from pileus.image.service.imports import Imports


class ImportImage(msgspec.Struct, kw_only=True):
    """`blob` is the key of the bytes, in the image's row before there is a byte; without `uri` they were staged."""

    image_id: str
    task_id: str
    blob: str
    uri: str | None = None
    received: Received | None = None


async def download(state: ImportImage, imports: Imports) -> None:
    if state.uri is not None:
        state.received = await imports.download(state)


async def activate(state: ImportImage, imports: Imports) -> None:
    await imports.activate(state, {} if state.received is None else msgspec.structs.asdict(state.received))


async def failed(state: ImportImage, imports: Imports, error: CloudError) -> None:
    await imports.undo(state, str(error))


IMPORT_IMAGE = Saga(name="import_image", state=ImportImage, steps=[Step(download), Step(activate)], failed=failed)
