"""Placement's error envelope: `{"errors": [{status, title, detail, request_id, code}]}` (API-SIG, "Errors")."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from html import escape
from http import HTTPStatus
from typing import Any

import msgspec

from pileus.core.errors import CloudError
from pileus.core.http import Request
from pileus.core.http.microversion import VersionInvalid, VersionNotSupported
from pileus.placement.api.words import in_schemas_words

UNDEFINED = "placement.undefined_code"
#: The codes that upstream has; our finer ones are for our logs.
KNOWN = frozenset({
    "placement.inventory.inuse", "placement.concurrent_update", "placement.duplicate_name", "placement.resource_provider.inuse",
    "placement.resource_provider.cannot_delete_parent", "placement.resource_provider.not_found", "placement.query.duplicate_key",
    "placement.query.bad_value", "placement.query.missing_value",
})


#: Ours that upstream shows under another code.
SHOWN = {"placement.reshape.no_such_provider": "placement.resource_provider.not_found"}


def render(error: CloudError, req: Request) -> tuple[dict[str, str], Any]:
    title, detail = HTTPStatus(error.status).phrase, _detail(error, req)
    entry: dict[str, Any] = {"status": error.status, "title": title, "detail": detail, "request_id": req.id}
    if req.version >= (1, 23):
        entry["code"] = SHOWN.get(error.code, error.code if error.code in KNOWN else UNDEFINED)
    if error.status == 406:
        entry |= {"max_version": "1.39", "min_version": "1.0"}
    accepted = req.header("accept") or ""
    if "text/html" in accepted and "*/*" not in accepted and "json" not in accepted:
        page = f"<html><head><title>{title}</title></head><body><p>{escape(detail)}</p></body></html>"
        return {"content-type": "text/html; charset=UTF-8"}, page
    return {}, {"errors": [entry]}


def _detail(error: CloudError, req: Request) -> str:
    """Clients of placement recognise a bad body or version by how the sentence begins."""
    match error:
        case VersionNotSupported():
            return f"Unacceptable version header: {error.facts['wanted']}"
        case VersionInvalid():
            return f"invalid version string: {error.facts['wanted']}"
    match error.__cause__:
        case msgspec.ValidationError() as problem:
            return in_schemas_words(str(problem), req.raw)
        case msgspec.DecodeError() | UnicodeDecodeError() as problem:
            return f"Malformed JSON: {problem}"
    said = str(error)
    return f"JSON does not validate: {said}" if said.startswith("Additional properties") else said
