"""What the resources of metadata definitions share: their paths, their rules' targets, bodies and pages."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from pileus.core.clock import iso
from pileus.core.errors import Invalid
from pileus.core.http import Request
from pileus.image.metadefs.errors import AttributeReadOnly, DefinitionInvalid
from pileus.image.metadefs.model import Item, Order

T = TypeVar("T", bound=msgspec.Struct)
NAMESPACES = "/v2/metadefs/namespaces"
NAMESPACE = NAMESPACES + "/{namespace}"
READ_ONLY = ("created_at", "updated_at", "self", "schema", "first", "next")
DEFAULT_LIMIT, MOST = 25, 1000


async def of_namespace(req: Request, namespace: str, **_: str) -> Mapping[str, Any]:
    """The target of rules: what is stored of the namespace in the path. Raises NamespaceNotFound."""
    found = await req.services.image.metadefs.get(namespace, req.who.scope)
    return {"project_id": found.owner, "owner": found.owner, "visibility": found.visibility}


def parsed(kind: type[T], body: Any, schema: str) -> T:
    """A body as what it must be. Raises AttributeReadOnly or DefinitionInvalid."""
    for name in READ_ONLY:
        if isinstance(body, dict) and name in body:
            raise AttributeReadOnly(name=name)
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as problem:
        raise DefinitionInvalid(schema=schema, why=problem) from problem


def order(req: Request, unique: str, keys: tuple[str, ...], default: int | None) -> Order:
    """Which part of a list is asked for, in which order. Raises Invalid."""
    query = req.query
    key, direction = query.get("sort_key") or "created_at", query.get("sort_dir") or "desc"
    if key not in (unique, "created_at", "updated_at", *keys):
        raise Invalid(f"Invalid sort key: {key}.")
    if direction not in ("asc", "desc"):
        raise Invalid(f"Invalid sort direction: {direction}. It must be one of the following: asc, desc.")
    limit = query.integer("limit", default)
    return Order(key=key, descending=direction == "desc", limit=None if limit is None else min(limit, MOST), after=query.get("marker"))


def paged(req: Request, what: str, found: list[dict[str, Any]], asked: Order, unique: str) -> dict[str, Any]:
    """A list as it is shown, with a link to the page behind it when it is full."""
    path = req.path.removeprefix("/image")
    pairs = [pair for pair in req.query.pairs if pair[0] != "marker"]
    view: dict[str, Any] = {what: found, "schema": f"/v2/schemas/metadefs/{what}", "first": _link(path, pairs)}
    if asked.limit and len(found) == asked.limit:
        view["next"] = _link(path, [*pairs, ("marker", found[-1][unique])])
    return view


def place(*parts: str) -> str:
    """The path of what is in a namespace."""
    return "/".join((NAMESPACES, *(quote(part, safe=":") for part in parts)))


def known(**values: Any) -> dict[str, Any]:
    """What is not None: Glance shows nothing of the rest."""
    return {key: value for key, value in values.items() if value is not None}


def times(item: Any) -> dict[str, Any]:
    return {"created_at": iso(item.created_at), "updated_at": iso(item.updated_at)}


def base(req: Request, namespace_id: str) -> dict[str, Any]:
    """The columns of a new item that no caller sets."""
    now = req.services.image.kit.clock.now()
    return {"namespace_id": namespace_id, "created_at": now, "updated_at": now}


def kept(req: Request, old: Item) -> dict[str, Any]:
    """The columns that a change leaves, and when it was."""
    return {"namespace_id": old.namespace_id, "created_at": old.created_at, "updated_at": req.services.image.kit.clock.now()}


def _link(path: str, pairs: list[tuple[str, str]]) -> str:
    return path + ("?" + urlencode(pairs) if pairs else "")
