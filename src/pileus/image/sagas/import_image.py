"""Importing an image: its bytes are where they will be stored, or are downloaded to there; plug-ins may make other bytes of them;
then it is active.

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


class Refined(msgspec.Struct, frozen=True, kw_only=True):
    """What plug-ins made of the bytes: their key among the working files, and their format now."""

    key: str
    disk_format: str


class ImportImage(msgspec.Struct, kw_only=True):
    """`blob` is the key of the bytes, in the image's row before there is a byte; without `uri` they were staged."""

    image_id: str
    task_id: str
    blob: str
    uri: str | None = None
    received: Received | None = None
    refined: Refined | None = None
    inject: dict[str, str] = {}


async def download(state: ImportImage, imports: Imports) -> None:
    if state.uri is not None:
        state.received = await imports.download(state)


async def refine(state: ImportImage, imports: Imports) -> None:
    state.refined = await imports.refining.refine(state)


async def replace(state: ImportImage, imports: Imports) -> None:
    if state.refined is not None:
        await imports.refining.replace(state, state.refined)


async def activate(state: ImportImage, imports: Imports) -> None:
    values = {} if state.received is None else msgspec.structs.asdict(state.received)
    await imports.activate(state, values | ({} if state.refined is None else {"disk_format": state.refined.disk_format}))
    await imports.refining.drop(state.task_id)


async def failed(state: ImportImage, imports: Imports, error: CloudError) -> None:
    await imports.undo(state, str(error))
    await imports.refining.drop(state.task_id)


IMPORT_IMAGE = Saga(name="import_image", state=ImportImage, failed=failed,
                    steps=[Step(download), Step(refine), Step(replace), Step(activate)])
