"""X-Delete-After and X-Delete-At: when an object is to go, and who is told."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

from pileus.object_store.model import expiry
from pileus.object_store.proxy.ask import everyone
from pileus.object_store.proxy.best import best
from pileus.object_store.wire.message import Request, Stop
from pileus.object_store.wire.status import plain

if TYPE_CHECKING:
    from pileus.object_store.proxy.proxy import Proxy


def settle(proxy: Proxy, req: Request) -> None:
    """Turn X-Delete-After into X-Delete-At. Raises Stop for what is no moment of the future."""
    now = proxy.clock.now().timestamp()
    if "x-delete-after" in req.headers:
        after = _number(req.headers.pop("x-delete-after"), "X-Delete-After")
        req.headers["x-delete-at"] = str(int(now) + after)
        if after <= 0:
            raise Stop(plain(400, "X-Delete-After in past"))
    if text := req.header("x-delete-at"):
        at = _number(text, "X-Delete-At")
        if at <= now and not req.facts.get("auth.trusted"):
            raise Stop(plain(400, "X-Delete-At in past"))
        req.headers["x-delete-at"] = str(at)
    if req.header("x-remove-delete-at"):
        req.headers.pop("x-delete-at", None)


async def queue_deletion(proxy: Proxy, account: str, name: str) -> None:
    """Have an object (`/CONTAINER/OBJECT`) deleted by the expirer, as it is now. Raises Stop when too few servers take note."""
    at = proxy.stamp()
    queue = expiry.container(int(at[:10]))
    path = f"/{expiry.ACCOUNT}/{queue}/{expiry.entry(int(at[:10]), account, *name[1:].split('/', 1))}"
    ring = proxy.rings["container"]
    nodes = proxy.nodes(ring, ring.partition(expiry.ACCOUNT, queue))
    headers = {"x-timestamp": at, "x-size": "0", "x-content-type": expiry.DELETED_LATER, "x-etag": "d41d8cd98f00b204e9800998ecf8427e"}
    answers = await everyone(proxy, "container", nodes, Request("PUT", path), path, [headers] * len(nodes.primaries))
    if not (made := best(answers, len(nodes.primaries))).ok:
        raise Stop(plain(503) if made.status < 500 else made)


#: The last moment of ten digits.
LAST = 9_999_999_999


def told_queues(proxy: Proxy, req: Request, replicas: int) -> list[dict[str, str]]:
    """For each replica, the servers of the queue that it is to tell."""
    each: list[dict[str, str]] = [{} for _ in range(replicas)]
    if not (text := req.header("x-delete-at")):
        return each
    ring, name = proxy.rings["container"], expiry.container(int(text))
    part = ring.partition(expiry.ACCOUNT, name)
    for number, node in enumerate(ring.primaries(part)):
        own = each[number % replicas]
        own |= {"x-delete-at-partition": str(part), "x-delete-at-container": name}
        for key, value in (("x-delete-at-host", f"{node.device.ip}:{node.device.port}"), ("x-delete-at-device", node.device.device)):
            own[key] = f"{own[key]},{value}" if key in own else value
    return each


def _number(text: str, name: str) -> int:
    """Whole seconds; what is further away than timestamps reach is the last of them."""
    try:
        value = int(text) if text.lstrip("-").isdigit() else int(float(text))
    except (ValueError, OverflowError):
        raise Stop(plain(400, f"Non-integer {name}")) from None
    return min(value, LAST)
