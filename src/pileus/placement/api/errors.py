"""Placement's error envelope: `{"errors": [{status, title, detail, request_id, code}]}` (API-SIG, "Errors")."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

import msgspec

from pileus.core.errors import CloudError
from pileus.core.http import Request

UNDEFINED = "placement.undefined_code"
#: The codes that upstream has; our finer ones are for our logs.
KNOWN = frozenset({
    "placement.inventory.inuse", "placement.concurrent_update", "placement.duplicate_name", "placement.resource_provider.inuse",
    "placement.resource_provider.cannot_delete_parent", "placement.resource_provider.not_found", "placement.query.duplicate_key",
    "placement.query.bad_value", "placement.query.missing_value",
})
#: The two sentences about bodies that clients look for, in the words of JSON Schema.
UNKNOWN = re.compile(r"Object contains unknown field `(\w+)`")
REQUIRED = re.compile(r"Object missing required field `(\w+)`")


def render(error: CloudError, req: Request) -> tuple[dict[str, str], Any]:
    entry = {"status": error.status, "title": HTTPStatus(error.status).phrase, "detail": _detail(error), "request_id": req.id}
    if req.version >= (1, 23):
        entry["code"] = error.code if error.code in KNOWN else UNDEFINED
    if error.status == 406:
        entry |= {"max_version": "1.39", "min_version": "1.0"}
    return {}, {"errors": [entry]}


def _detail(error: CloudError) -> str:
    """Clients of placement recognise a bad body by how the sentence begins."""
    match error.__cause__:
        case msgspec.ValidationError() as problem:
            return "JSON does not validate: " + REQUIRED.sub(r"'\1' is a required property", UNKNOWN.sub(
                r"Additional properties are not allowed ('\1' was unexpected)", str(problem)))
        case msgspec.DecodeError() | UnicodeDecodeError() as problem:
            return f"Malformed JSON: {problem}"
    return str(error)
