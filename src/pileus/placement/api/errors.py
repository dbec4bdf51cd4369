"""Placement's error envelope: `{"errors": [{status, title, detail, request_id, code}]}` (API-SIG, "Errors")."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pileus.core.errors import CloudError
from pileus.core.http import Request

UNDEFINED = "placement.undefined_code"


def render(error: CloudError, req: Request) -> tuple[dict[str, str], Any]:
    entry = {"status": error.status, "title": HTTPStatus(error.status).phrase, "detail": str(error), "request_id": req.id}
    if req.version >= (1, 23):
        entry["code"] = error.code if error.code.startswith("placement.") else UNDEFINED
    if error.status == 406:
        entry |= {"max_version": "1.39", "min_version": "1.0"}
    return {}, {"errors": [entry]}
