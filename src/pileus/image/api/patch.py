"""The JSON patches of Glance: `application/openstack-images-v2.1-json-patch` and the older form of v2.0."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.errors import Invalid
from pileus.image.api.bodies import checked
from pileus.image.api.moves import move
from pileus.image.errors import AttributeReserved, PatchMediaUnsupported
from pileus.image.service.changes import RESERVED, Change, refuse_reserved
from pileus.image.service.relocating import Move

OPERATIONS = ("add", "remove", "replace")
NEW, OLD = "application/openstack-images-v2.1-json-patch", "application/openstack-images-v2.0-json-patch"
ACCEPTED = f"{NEW}, {OLD}"


def changes(content_type: str | None, body: Any, locations: bool) -> tuple[list[Change], list[Move]]:
    """The changes a body asks for, and those of locations where these are shown.

    Raises PatchMediaUnsupported, Invalid, AttributeReadOnly or AttributeReserved."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind not in (NEW, OLD):
        raise PatchMediaUnsupported(accepted=ACCEPTED, headers={"accept-patch": ACCEPTED})
    if not isinstance(body, list):
        raise Invalid("Request body must be a JSON array of operation objects.")
    found = [_change(kind == NEW, raw, locations) for raw in body]
    return [one for one in found if isinstance(one, Change)], [one for one in found if isinstance(one, Move)]


def _change(new: bool, raw: Any, locations: bool) -> Change | Move:
    if not isinstance(raw, dict):
        raise Invalid("Operations must be JSON objects.")
    op, path = _new(raw) if new else _old(raw)
    if locations and path.split("/")[:2] == ["", "locations"]:
        return move(op, path, raw)
    name = _name(path)
    refuse_reserved(name)
    if op == "remove":
        return Change("remove", name)
    if "value" not in raw:
        raise Invalid(f'Operation "{op}" requires a member named "value".')
    return Change(op, name, checked(name, raw["value"]))


def _new(raw: dict[str, Any]) -> tuple[Any, str]:
    op, path = raw.get("op"), raw.get("path")
    if op not in OPERATIONS:
        raise Invalid(f"Invalid operation: `{op}`. It must be one of the following: {', '.join(OPERATIONS)}.")
    if not isinstance(path, str):
        raise Invalid('Operation objects must contain a member named "path", which is text.')
    return op, path


def _old(raw: dict[str, Any]) -> tuple[Any, str]:
    found = [op for op in OPERATIONS if op in raw]
    if len(found) != 1:
        raise Invalid('Operation objects must contain exactly one member named "add", "remove", or "replace".')
    path = raw[found[0]]
    if not isinstance(path, str):
        raise Invalid("The path of an operation is text.")
    return found[0], path


def _name(path: str) -> str:
    """The attribute that a JSON pointer of one part names."""
    if not path.startswith("/"):
        raise Invalid(f"Pointer `{path}` does not start with \"/\".")
    first, *deeper = path[1:].split("/")
    if "~" in first.replace("~0", "").replace("~1", ""):
        raise Invalid(f"Pointer `{path}` contains \"~\" not part of a recognized escape sequence.")
    if first in RESERVED:
        raise AttributeReserved(name=first)
    if deeper or not first:
        raise Invalid(f"Invalid JSON pointer for this resource: '{path}'")
    return first.replace("~1", "/").replace("~0", "~")
