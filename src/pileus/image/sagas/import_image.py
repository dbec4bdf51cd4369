"""Importing an image: its bytes are staged, or are downloaded to the first store; plug-ins may make other bytes of them; they go to
the other stores; then it is active.

After a crash a download or copy begins anew under the same key. What fails leaves a queued image without bytes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pileus.core.errors import CloudError
from pileus.core.saga import Saga, Step
from pileus.image.model import Described, Image, Received, RemoteImage, Source
from pileus.image.sagas.state import Spread

if TYPE_CHECKING:
    from pileus.image.service.imports import Imports


class Refined(msgspec.Struct, frozen=True, kw_only=True):
    """What plug-ins made of the bytes: their key among the working files, and their format now."""

    key: str
    disk_format: str


class ImportImage(Spread, kw_only=True):
    """Without `uri` or `remote` the bytes are in the store `staged` already, which need not be one of those they are to be in.
    `made`: the image was made for this import."""

    uri: str | None = None
    remote: RemoteImage | None = None
    source: Source | None = None
    described: Described | None = None
    staged: str | None = None
    received: Received | None = None
    refined: Refined | None = None
    inject: dict[str, str] = {}
    made: bool = False


def described(image: Image, state: ImportImage) -> Image:
    """The image as it will be: with the formats of the other cloud's, which it gets when it is active."""
    if state.described is None:
        return image
    return msgspec.structs.replace(image, disk_format=state.described.disk_format, container_format=state.described.container_format)


async def download(state: ImportImage, imports: Imports) -> None:
    if state.remote is not None:
        state.source, state.described = await imports.find_remote(state, state.remote)
    if state.uri is not None or state.source is not None:
        state.received = await imports.download(state)


async def refine(state: ImportImage, imports: Imports) -> None:
    state.refined = await imports.refining.refine(state)


async def replace(state: ImportImage, imports: Imports) -> None:
    if state.refined is not None:
        await imports.refining.replace(state, state.refined)


async def copy(state: ImportImage, imports: Imports) -> None:
    await imports.copies.spread(state, state.received)


async def activate(state: ImportImage, imports: Imports) -> None:
    values = {} if state.received is None else msgspec.structs.asdict(state.received)
    if state.described is not None:
        values |= {"disk_format": state.described.disk_format, "container_format": state.described.container_format}
    await imports.activate(state, values | ({} if state.refined is None else {"disk_format": state.refined.disk_format}))
    await imports.refining.drop(state.task_id)


async def failed(state: ImportImage, imports: Imports, error: CloudError) -> None:
    await imports.undo(state, str(error))
    await imports.refining.drop(state.task_id)


IMPORT_IMAGE = Saga(name="import_image", state=ImportImage, failed=failed,
                    steps=[Step(download), Step(refine), Step(replace), Step(copy), Step(activate)])
