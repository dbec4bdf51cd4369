"""How the object store learns who holds a token: a function that the cloud gives it, and nothing else."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Protocol

from pileus.core.context import Context


class Identify(Protocol):
    async def __call__(self, token: str, service_token: str | None = None, *, request_id: str = "", method: str, path: str) -> Context:
        """Who holds these tokens. Raises `core.errors.Unauthenticated`, also when a token is not for requests like this one."""
