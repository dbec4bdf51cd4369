"""What the views of all resources share: links, lists, reading filters."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pileus.core.context import Context
from pileus.core.http import Request
from pileus.core.http.request import FALSE
from pileus.identity.store.base import COMPARISONS, Filter

ROOT = "/identity"
BASE = ROOT + "/v3"


def links(req: Request, collection: str, id: str) -> dict[str, str]:
    return {"self": req.url(f"{BASE}/{collection}/{id}")}


def listing(req: Request, name: str, items: Iterable[Any], **more: Any) -> dict[str, Any]:
    """A whole list: identity does not page."""
    query = req.falcon.query_string
    return {
        name: list(items),
        "links": {"self": req.url(req.path) + ("?" + query if query else ""), "previous": None, "next": None},
        **more,
    }


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
            found.append(Filter(key, "equals", truth(value)))
    return found


def truth(value: str | None) -> bool:
    """A flag of a query as Keystone reads it: what is not false is true, also when it is empty."""
    return value is not None and value.lower() not in FALSE


def own_domain(who: Context) -> list[Filter]:
    """A domain's administrators see only their domain in lists."""
    return [Filter("domain_id", "equals", who.domain_id)] if who.domain_id is not None else []


def domain_or_own(req: Request, domain_id: str | None) -> str:
    """The domain something is to be created in: as asked for, or else that of the caller's scope."""
    who = req.who
    return domain_id or who.domain_id or who.project_domain_id or "default"
