"""An image whose bytes are somewhere already: they are read once, to know what they are; then it is active.

Nothing is copied, so there is nothing to take back but the state of the image."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pileus.core.errors import CloudError
from pileus.core.saga import Saga, Step
from pileus.image.model import Received

if TYPE_CHECKING:
    from pileus.image.service.locations import Locations


class AddLocation(msgspec.Struct, kw_only=True):
    """`blob` is in the image's row as that of an upload would be, and names no bytes. `expected` is the digest they must have."""

    image_id: str
    task_id: str
    blob: str
    store: str
    url: str
    algorithm: str
    expected: str | None = None
    received: Received | None = None


async def verify(state: AddLocation, locations: Locations) -> None:
    state.received = await locations.verify(state)


async def activate(state: AddLocation, locations: Locations) -> None:
    await locations.activate(state)


async def failed(state: AddLocation, locations: Locations, error: CloudError) -> None:
    await locations.undo(state, str(error))


ADD_LOCATION = Saga(name="add_location", state=AddLocation, steps=[Step(verify), Step(activate)], failed=failed)
