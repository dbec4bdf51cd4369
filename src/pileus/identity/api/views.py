"""What the views of all resources share: links, lists, reading filters."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pileus.core.context import Context
from pileus.core.errors import Invalid
from pileus.core.http import Request
from pileus.core.http.paging import Page, next_link
from pileus.core.http.request import FALSE, TRUE
from pileus.identity.errors import MarkerNotFound
from pileus.identity.store.base import COMPARISONS, Filter

ROOT = "/identity"
BASE = ROOT + "/v3"


def links(req: Request, collection: str, id: str) -> dict[str, str]:
    return {"self": req.url(f"{BASE}/{collection}/{id}")}


def asked(req: Request, own_limit: int | None = None) -> Page:
    """The page a list is asked for: nothing but `limit` and `marker`, or the configuration, makes it less than all.

    `own_limit`: that of the domain asked about.
    """
    config = req.services.identity.core.config
    limit = req.query.integer("limit") or own_limit or config.list_limit
    return Page(min(limit, config.max_list_limit) if limit else None, req.query.get("marker") or None)


def domain_of(wanted: list[Filter]) -> str | None:
    """The domain that a list is limited to."""
    return next((f.value for f in wanted if f.column == "domain_id" and f.comparison == "equals"), None)


async def own_list_limit(req: Request, wanted: list[Filter]) -> int | None:
    """What the domain that a list of users or groups is of has configured for it."""
    domain_id = domain_of(wanted)
    options = await req.services.identity.domain_configs.effective(domain_id) if domain_id is not None else None
    limit = options["identity"]["list_limit"] if options is not None else None
    return limit if isinstance(limit, int) and limit > 0 else None


def listing(req: Request, name: str, items: Iterable[Any], *, page: Page | None = None, more: bool = False) -> dict[str, Any]:
    """A list, with the way to its next page when there are more entries than asked for.

    `page`: the one that the items are already, because the database made it; `more`: whether there are others behind it.
    """
    shown = list(items)
    if page is None and all(isinstance(item, dict) and "id" in item for item in shown):
        page = asked(req)
        shown, more = _cut(shown, page)
    query = req.falcon.query_string
    body: dict[str, Any] = {
        name: shown,
        "links": {"self": req.url(req.path) + ("?" + query if query else ""), "previous": None, "next": None},
    }
    if more and page is not None and shown:
        body["links"]["next"] = next_link(req, shown, page, shown[-1]["id"])
        body["truncated"] = True
    return body


def _cut(items: list[dict[str, Any]], page: Page) -> tuple[list[dict[str, Any]], bool]:
    """(the page, whether there are more)."""
    if page.marker is not None:
        at = next((i for i, item in enumerate(items) if item["id"] == page.marker), None)
        if at is None:
            raise MarkerNotFound(marker=page.marker)
        items = items[at + 1 :]
    return (items, False) if page.limit is None else (items[: page.limit], len(items) > page.limit)


def filters(req: Request, texts: tuple[str, ...], flags: tuple[str, ...] = ()) -> list[Filter]:
    """The conditions of a list: `name=x`, `name__icontains=x` for each of `texts`, `enabled=false` for each of `flags`.

    Other keys are taken no notice of, as Keystone does.
    """
    found = []
    for key, value in req.query.pairs:
        column, _, comparison = key.partition("__")
        comparison = comparison or "equals"
        if column in texts and comparison in COMPARISONS:
            found.append(Filter(column, comparison, value))
        elif key in flags:
            found.append(Filter(key, "equals", flag(key, value)))
    return found


def truth(value: str | None) -> bool:
    """A flag of a query as Keystone reads it: what is not false is true, also when it is empty."""
    return value is not None and value.lower() not in FALSE


def flag(key: str, value: str) -> bool:
    """A filter that is yes or no. Raises Invalid for what is neither: it would be taken for a yes."""
    if value and value.lower() not in TRUE | FALSE:
        raise Invalid(f"Invalid input for field/attribute {key}: {value!r} is neither true nor false.")
    return truth(value)


def own_domain(who: Context) -> list[Filter]:
    """A domain's administrators see only their domain in lists."""
    return [Filter("domain_id", "equals", who.domain_id)] if who.domain_id is not None else []


def domain_or_own(req: Request, domain_id: str | None) -> str:
    """The domain something is to be created in: as asked for, or else that of the caller's scope."""
    who = req.who
    return domain_id or who.domain_id or who.project_domain_id or "default"
