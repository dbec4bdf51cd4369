"""Hosts of somebody's own whose DNS names are aliases (CNAME) of CONTAINER.ACCOUNT.DOMAIN, which the domain remap understands.

Who is not in a storage domain, is no address, and has no such alias is refused: with this, only such hosts are served. What was
found is believed as long as the DNS says, what was not found for a minute. (Swift, "CNAME Lookup".)
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

from pileus.core.log import Log
from pileus.object_store.pipeline.domain_remap import names_of
from pileus.object_store.pipeline.feature import Feature, Store
from pileus.object_store.wire.message import Handler, Request, Response
from pileus.object_store.wire.status import plain

log = Log("pileus.object_store")
NOTHING_S = 60.0
MOST = 10_000
#: Of a name: seconds that the answer is good for, and what it is an alias of (empty: of nothing).
Lookup = Callable[[str], Awaitable[tuple[float, str]]]


class CnameLookup(Feature):
    def __init__(self, app: Handler, store: Store):
        super().__init__(app, store)
        self.config = store.config.cname_lookup
        self.lookup: Lookup = resolver(self.config.nameservers) if self.wanted() else _nothing
        self.known: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def info(self) -> dict[str, Any]:
        return {"cname_lookup": {"lookup_depth": self.config.lookup_depth}} if self.wanted() else {}

    def wanted(self) -> bool:
        return bool(self.config.storage_domains)

    async def __call__(self, req: Request) -> Response:
        given = req.header("host")
        name, colon, port = given.rpartition(":") if given.rpartition(":")[2].isdigit() else (given, "", "")
        if not name or _is_address(name) or self._is_ours(name):
            return await self.app(req)
        found = name
        for _ in range(self.config.lookup_depth):
            alias = await self._alias(found)
            if not alias or alias == found:
                return plain(400, "CNAME lookup failed to resolve to a valid domain")
            found = alias
            if self._is_ours(found):
                req.headers["host"] = found + colon + port
                return await self.app(req)
        return plain(400, f"CNAME lookup failed after {self.config.lookup_depth} tries")

    def _is_ours(self, name: str) -> bool:
        return name in [d.lstrip(".") for d in self.config.storage_domains] or names_of(name, self.config.storage_domains) is not None

    async def _alias(self, name: str) -> str:
        now = self.store.clock.monotonic()
        if (known := self.known.get(name)) is not None and now < known[0]:
            return known[1]
        seconds, alias = await self.lookup(name)
        self.known[name] = now + seconds, alias
        while len(self.known) > MOST:
            self.known.popitem(last=False)
        return alias


def resolver(nameservers: list[str]) -> Lookup:
    """Ask these servers, or those of this machine. Raises ImportError without the extra `dns`."""
    import dns.asyncresolver
    import dns.exception

    asked = dns.asyncresolver.Resolver(configure=not nameservers)
    for server in nameservers:
        address, _, port = server.rpartition(":") if server.count(":") == 1 else (server, "", "53")
        asked.nameservers = [*asked.nameservers, address]
        asked.nameserver_ports[address] = int(port)

    async def lookup(name: str) -> tuple[float, str]:
        try:
            answer = await asked.resolve(name, "CNAME")
        except dns.exception.DNSException as problem:
            log.debug("no alias", host=name, problem=type(problem).__name__)
            return NOTHING_S, ""
        assert answer.rrset is not None
        return float(answer.rrset.ttl), str(answer[0].target).rstrip(".")

    return lookup


async def _nothing(name: str) -> tuple[float, str]:
    return NOTHING_S, ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
