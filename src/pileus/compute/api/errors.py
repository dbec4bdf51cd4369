"""Nova's error envelope: `{"itemNotFound": {"code": 404, "message": "…"}}`, named by status (compute API guide, Faults)."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.errors import CloudError
from pileus.core.http import Request

NAMES = {400: "badRequest", 401: "unauthorized", 403: "forbidden", 404: "itemNotFound", 405: "badMethod", 406: "computeFault",
         409: "conflictingRequest", 413: "overLimit", 415: "badMediaType", 429: "overLimit", 501: "notImplemented",
         503: "serviceUnavailable"}


def render(error: CloudError, req: Request) -> tuple[dict[str, str], Any]:
    return {}, {NAMES.get(error.status, "computeFault"): {"code": error.status, "message": str(error)}}
