"""GET /healthcheck: OK while this process answers, unless the operator has put a file in the way."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain


class HealthCheck(Feature):
    def concerns(self, req: Request) -> bool:
        return req.path == "/healthcheck"

    async def __call__(self, req: Request) -> Response:
        disable = self.store.config.healthcheck_disable_path
        return plain(503, "DISABLED BY FILE") if disable and Path(disable).exists() else plain(200, "OK")
