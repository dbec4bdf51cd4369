"""Names that an operator does not want: too long, with characters that are trouble elsewhere, or that fit an expression."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from typing import Any

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain


class NameCheck(Feature):
    def info(self) -> dict[str, Any]:
        config = self.store.config.name_check
        if not config.enabled:
            return {}
        return {"name_check": {"forbidden_chars": config.forbidden_chars, "maximum_length": config.maximum_length,
                               "forbidden_regexp": config.forbidden_regexp}}

    def wanted(self) -> bool:
        return self.store.config.name_check.enabled

    async def __call__(self, req: Request) -> Response:
        config = self.store.config.name_check
        if any(character in req.path for character in config.forbidden_chars):
            return plain(400, f"Object/Container/Account name contains forbidden chars from {config.forbidden_chars}")
        if len(req.path) > config.maximum_length:
            return plain(400, f"Object/Container/Account name longer than the allowed maximum {config.maximum_length}")
        if config.forbidden_regexp and re.search(config.forbidden_regexp, req.path):
            return plain(400, "Object/Container/Account name contains a forbidden substring from regular expression "
                              f"{config.forbidden_regexp}")
        return await self.app(req)
