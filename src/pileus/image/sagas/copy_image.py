"""Copying the bytes of an active image to further stores.

After a crash the copy that was going on begins anew, under the same key. What fails leaves the image in the stores it was in."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

from pileus.core.errors import CloudError
from pileus.core.saga import Saga, Step
from pileus.image.sagas.state import Spread

if TYPE_CHECKING:
    from pileus.image.service.imports import Imports


class CopyImage(Spread, kw_only=True):
    """None of `stores` had the image at the beginning."""


async def copy(state: CopyImage, imports: Imports) -> None:
    await imports.copies.spread(state)


async def end(state: CopyImage, imports: Imports) -> None:
    await imports.copied(state)


async def failed(state: CopyImage, imports: Imports, error: CloudError) -> None:
    await imports.undo_copy(state, str(error))


COPY_IMAGE = Saga(name="copy_image", state=CopyImage, steps=[Step(copy), Step(end)], failed=failed)
