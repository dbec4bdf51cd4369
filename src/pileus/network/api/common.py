"""What the resources of the API have in common: lists, attribute rules, preconditions."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET

from pileus.core.clock import iso
from pileus.core.errors import Invalid
from pileus.core.http import Request
from pileus.network import errors
from pileus.network.model import Wanted

#: Parameters of a list that are no filters.
CONTROL = frozenset({"fields", "limit", "marker", "page_reverse", "sort_key", "sort_dir"})
Show = Callable[[Request, Any], dict[str, Any]]


# ---- lists -------------------------------------------------------------------------------------------------------------
def wanted(req: Request) -> Wanted:
    """The filters, the order and the page that the query asks for. Raises Invalid."""
    query = req.query
    keys, directions = query.all("sort_key"), query.all("sort_dir")
    if directions and len(keys) != len(directions):
        raise Invalid("The number of sort_keys and sort_dirs must be same")
    for direction in directions:
        if direction not in ("asc", "desc"):
            raise Invalid(f"{direction} is invalid value for sort_dirs, valid value is 'asc' and 'desc'")
    sort = tuple((key, bool(directions) and directions[at] == "desc") for at, key in enumerate(keys))
    filters = tuple((key, tuple(query.all(key))) for key in query if key not in CONTROL)
    return Wanted(filters=filters, sort=sort, limit=query.integer("limit") or None, marker=query.get("marker") or None,
                  reverse=bool(query.flag("page_reverse", False)))


def listed(req: Request, name: str, records: Sequence[Any], show: Show, asked: Wanted) -> dict[str, Any]:
    """The answer of a list: the records, and links to the pages around this one."""
    views = [show(req, record) for record in records]
    body: dict[str, Any] = {name: [selected(req, view) for view in views] if "fields" in req.query else views}
    if asked.limit is not None:
        full = len(records) >= asked.limit
        links = []
        if records and (full if not asked.reverse else asked.marker is not None):
            links.append({"rel": "next", "href": _page(req, records[-1].id, reverse=False)})
        if records and (asked.marker is not None if not asked.reverse else full):
            links.append({"rel": "previous", "href": _page(req, records[0].id, reverse=True)})
        if links:
            body[f"{name}_links"] = links
    return body


def _page(req: Request, marker: str, *, reverse: bool) -> str:
    pairs = [(k, v) for k, v in req.query.pairs if k not in ("marker", "page_reverse")]
    pairs += [("marker", marker), *([("page_reverse", "True")] if reverse else [])]
    return req.url(req.path, pairs)


def selected(req: Request, view: dict[str, Any]) -> dict[str, Any]:
    """Only the attributes that `fields` asks for."""
    fields = req.query.all("fields") if "fields" in req.query else ()
    return {key: view[key] for key in fields if key in view} if any(fields) else view


# ---- requests with one resource or many ----------------------------------------------------------------------------------
def orders(body: Any, one: str, many: str) -> tuple[Sequence[Any], bool]:
    """What a request wants to make, and whether it came as a list. Raises Invalid unless it is one or the other."""
    single, several = getattr(body, one), getattr(body, many)
    if (single is UNSET) == (several is UNSET):
        raise Invalid(f"Body must contain either '{one.replace('-', '_')}' or '{many}'.")
    if several is not UNSET:
        if not several:
            raise Invalid("Resources required")
        return several, True
    return [single], False


def made(req: Request, one: str, many: str, records: Sequence[Any], as_list: bool, show: Show) -> dict[str, Any]:
    views = [show(req, record) for record in records]
    return {many: views} if as_list else {one: views[0]}


# ---- rules of attributes -------------------------------------------------------------------------------------------------
@lru_cache(maxsize=256)
def _attributes(kind: type[msgspec.Struct]) -> tuple[tuple[str, str, Any], ...]:
    """(name, name in the API, default) of each attribute of an order."""
    return tuple(
        (
            f.name,
            f.encode_name,
            f.default
            if f.default is not msgspec.NODEFAULT
            else f.default_factory()
            if f.default_factory is not msgspec.NODEFAULT
            else UNSET,
        )
        for f in msgspec.structs.fields(kind)
    )


def guard(req: Request, rule: str, order: msgspec.Struct, target: Mapping[str, Any]) -> None:
    """Enforce `rule`, and that of each attribute that was given something else than its default. Raises PolicyForbids."""
    req.enforce(rule, target)
    _guard_attributes(req, rule, order, target)


def _guard_attributes(req: Request, rule: str, order: msgspec.Struct, target: Mapping[str, Any]) -> None:
    for name, shown, default in _attributes(type(order)):
        value = getattr(order, name)
        if value is UNSET or value == default:
            continue
        attribute = f"{rule}:{shown}"
        if attribute in req.policy:
            req.enforce(attribute, target)
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, msgspec.Struct):
                _guard_attributes(req, attribute, inner, target)


def hide(req: Request, rule: str, view: dict[str, Any], names: Iterable[str], target: Mapping[str, Any]) -> dict[str, Any]:
    """The view without those of the named attributes that the caller may not see. A list has many records of few targets."""
    key = (rule, *target.values())
    if (hidden := req.known.get(key)) is None:
        hidden = req.known[key] = [name for name in names if not req.allows(f"{rule}:{name}", target)]
    for name in hidden:
        view.pop(name, None)
    return view


def revision(req: Request) -> int | None:
    """The revision that an If-Match header insists on. Raises Invalid for another condition."""
    header = req.header("if-match")
    if header is None:
        return None
    name, _, value = header.strip().strip('"').partition("=")
    if name.strip() != "revision_number" or not value.strip().isdecimal():
        raise errors.InvalidInput(why="If-Match must be revision_number=<integer>")
    return int(value)


def standard(record: Any) -> dict[str, Any]:
    """The attributes that all resources show."""
    return {
        "id": record.id,
        "name": record.name,
        "description": record.description,
        "project_id": record.project_id,
        "tenant_id": record.project_id,
        "tags": list(record.tags),
        "revision_number": record.revision_number,
        "created_at": iso(record.created_at),
        "updated_at": iso(record.updated_at),
    }


async def own(req: Request, **_: str) -> dict[str, Any]:
    """The target of an operation whose resource is named in the body: that the caller may do it at all, in its own project.
    The handler enforces the rule again when it knows the resource."""
    project = req.who.project_id
    return {"project_id": project, "network:project_id": project, "security_group:project_id": project}
