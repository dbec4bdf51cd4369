"""What became of many things done by one request: as text, JSON or XML."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

import msgspec

from pileus.object_store.pipeline.listing_formats import wanted
from pileus.object_store.wire.message import Request

Errors = Sequence[tuple[str, str]]


def kind_of(req: Request) -> str:
    """The media type in which the caller wants the report."""
    return wanted(req) or "text/plain"


def written(kind: str, facts: Mapping[str, object], errors: Errors, root: str) -> bytes:
    if kind == "application/json":
        return msgspec.json.encode({**facts, "Errors": [list(error) for error in errors]})
    if kind.endswith("/xml"):
        names = {key: key.lower().replace(" ", "_") for key in facts}
        told = [f"<{names[key]}>{escape(str(facts[key]))}</{names[key]}>" for key in sorted(facts)]
        wrong = [f"<object><name>{escape(name)}</name><status>{escape(status)}</status></object>" for name, status in errors]
        return "\n".join((f"<{root}>", *told, "<errors>", *wrong, "</errors>", f"</{root}>", "")).encode("utf-8", "surrogateescape")
    lines = [f"{key}: {facts[key]}\n" for key in sorted(facts)] + ["Errors:\n"] + [f"{name}, {status}\n" for name, status in errors]
    return "".join(lines).encode("utf-8", "surrogateescape")
