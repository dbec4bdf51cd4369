"""`pileus identity rotate-credential-keys` and `migrate-credentials`: the keys that stored secrets are encrypted with."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pileus.cli.keys import credential_folder
from pileus.cli.options import STATE, State, configuration
from pileus.config import database_url

if TYPE_CHECKING:
    from pileus.identity.service.sealing import Sealing


def rotate_credential_keys(*, state: State = STATE) -> int:
    """Encrypt new secrets (credentials, consumers, domains' passwords) with a new key. `migrate-credentials` moves the old ones."""

    async def rotate(sealing: Sealing) -> str:
        await sealing.rotate()
        return "New secrets are encrypted with a new key. Move the others to it: pileus identity migrate-credentials"

    return _with(state, rotate)


def migrate_credentials(*, state: State = STATE) -> int:
    """Encrypt all stored secrets with the newest key. May be interrupted and repeated."""

    async def migrate(sealing: Sealing) -> str:
        done = await sealing.migrate()
        lost = f" {done.lost} cannot be read: their key is lost." if done.lost else ""
        return f"{done.moved} secrets were moved to the newest key.{lost}"

    return _with(state, migrate)


def _with(state: Path, act: Callable[[Sealing], Awaitable[str]]) -> int:
    from pileus.identity.errors import Refused

    config = configuration(state)
    folder, url = credential_folder(config, state), database_url(config, state)
    if not folder.is_dir() or (url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists()):
        print(f"There is no cloud in {state}: it has not been started yet.", file=sys.stderr)
        return 1

    async def run() -> str:
        from pileus.core.clock import Clock
        from pileus.core.db import Database
        from pileus.core.ids import Ids
        from pileus.identity.keys import Keys
        from pileus.identity.service.sealing import Sealing
        from pileus.identity.store.sealed import Sealed

        db = await Database.open(url)
        try:
            return await act(Sealing(Sealed(db), Keys(folder, config.identity, Clock(), Ids())))
        finally:
            await db.close()

    try:
        print(asyncio.run(run()))
    except Refused as refused:
        print(f"pileus: {refused}", file=sys.stderr)
        return 1
    return 0
