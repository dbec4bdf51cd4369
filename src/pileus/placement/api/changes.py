"""What each microversion changed in answers. What it added to queries, bodies and routes is said where those are."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pileus.core.http import Change, Microversions, Request

P = "placement:resource_providers:"
SHOWN_PROVIDERS = frozenset({P + "list", P + "show", P + "create", P + "update"})
AGGREGATES = frozenset({P + "aggregates:list", P + "aggregates:update"})
CONSUMER = frozenset({"placement:allocations:list"})
HELD = frozenset({P + "allocations:list"})
CANDIDATES = frozenset({"placement:allocation_candidates:list"})
USAGES = frozenset({"placement:usages"})

Convert = Callable[[Any, Request], Any]


def no_link(rel: str) -> Convert:
    """Providers without the link to one of their parts."""

    def convert(body: Any, req: Request) -> Any:
        for provider in body.get("resource_providers", [body]):
            provider["links"] = [link for link in provider["links"] if link["rel"] != rel]
        return body

    return convert


def without(*keys: str, of: Callable[[Any], Any] = lambda body: [body]) -> Convert:
    """The objects that `of` finds in a body, without some keys."""

    def convert(body: Any, req: Request) -> Any:
        for item in of(body):
            for key in keys:
                item.pop(key, None)
        return body

    return convert


def providers(body: Any) -> Any:
    return body.get("resource_providers", [body])


def summaries(body: Any) -> Any:
    return body["provider_summaries"].values()


def requests(body: Any) -> Any:
    return body["allocation_requests"]


def as_lists(body: Any, req: Request) -> Any:
    """Allocation requests as PUT /allocations took them before 1.12."""
    for request in requests(body):
        request["allocations"] = [{"resource_provider": {"uuid": id}, **held} for id, held in request["allocations"].items()]
    return body


def only_requested(body: Any, req: Request) -> Any:
    """Summaries of the classes that the query names."""
    asked = {item.partition(":")[0] for key, value in req.query.pairs if key.startswith("resources") for item in value.split(",")}
    for summary in summaries(body):
        summary["resources"] = {name: held for name, held in summary["resources"].items() if name in asked}
    return body


def not_by_type(body: Any, req: Request) -> Any:
    """Usages summed over all types of consumer."""
    total: dict[str, int] = {}
    for amounts in body["usages"].values():
        for name, amount in amounts.items():
            if name != "consumer_count":
                total[name] = total.get(name, 0) + amount
    return {"usages": total}


CHANGES = [
    Change(version=(1, 1), title="aggregates", on=SHOWN_PROVIDERS, response=no_link("aggregates")),
    Change(version=(1, 6), title="traits", on=SHOWN_PROVIDERS, response=no_link("traits")),
    Change(version=(1, 11), title="the link to a provider's allocations", on=SHOWN_PROVIDERS, response=no_link("allocations")),
    Change(version=(1, 12), title="whose allocations they are", on=CONSUMER, response=without("project_id", "user_id")),
    Change(version=(1, 12), title="allocation requests by provider", on=CANDIDATES, response=as_lists),
    Change(version=(1, 14), title="nested providers", on=SHOWN_PROVIDERS,
           response=without("parent_provider_uuid", "root_provider_uuid", of=providers)),
    Change(version=(1, 17), title="traits of candidates", on=CANDIDATES, response=without("traits", of=summaries)),
    Change(version=(1, 19), title="generations with aggregates", on=AGGREGATES, response=without("resource_provider_generation")),
    Change(version=(1, 27), title="all classes of candidates", on=CANDIDATES, response=only_requested),
    Change(version=(1, 28), title="consumer generations", on=CONSUMER, response=without("consumer_generation")),
    Change(version=(1, 28), title="consumer generations", on=HELD,
           response=without("consumer_generation", of=lambda body: body["allocations"].values())),
    Change(version=(1, 29), title="trees of candidates", on=CANDIDATES,
           response=without("parent_provider_uuid", "root_provider_uuid", of=summaries)),
    Change(version=(1, 34), title="who serves which group", on=CANDIDATES, response=without("mappings", of=requests)),
    Change(version=(1, 38), title="consumer types", on=CONSUMER, response=without("consumer_type")),
    Change(version=(1, 38), title="consumer types", on=USAGES, response=not_by_type),
]

MICROVERSIONS = Microversions("placement", (1, 0), (1, 39), CHANGES)
