"""Whole listings, page by page, for daemons: straight from the account and container servers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import msgspec

from pileus.object_store.proxy.ask import anyone
from pileus.object_store.proxy.proxy import Proxy
from pileus.object_store.wire.message import ALLOWS_RESERVED, Request

PAGE = 1000


async def rows(proxy: Proxy, account: str, container: str | None = None, *, policy: int | None = None) -> AsyncIterator[dict[str, Any]]:
    """What a container, or an account, lists. Raises OSError when nobody can say."""
    kind, names = ("account", (account,)) if container is None else ("container", (account, container))
    ring = proxy.rings[kind]
    part, marker = ring.partition(*names), ""
    headers = {ALLOWS_RESERVED: "true"}
    if policy is not None:
        headers["x-backend-storage-policy-index"] = str(policy)
    while True:
        path = "/" + "/".join(names)
        req = Request("GET", path, query=urlencode({"limit": PAGE, "marker": marker}))
        answer = await anyone(proxy, kind, proxy.nodes(ring, part), req, path, headers)
        if answer.status == 404:
            await answer.close()
            return
        if not answer.ok:
            raise OSError(f"no listing of {path}: {answer.status}")
        page = msgspec.json.decode(await answer.read())
        for row in page:
            yield row
        if not page:
            return
        marker = page[-1]["name"]
