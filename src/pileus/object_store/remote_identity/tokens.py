"""Who holds a token."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

import msgspec

from pileus.core.clock import Clock, parse_iso
from pileus.core.context import Context
from pileus.core.errors import Unauthenticated
from pileus.object_store.remote_identity.ask import Answer, IdentityService, context_of

#: How long an answer is believed: a token that is revoked may work this much longer.
KEEP_S = 10.0
MOST = 10_000


class RemoteIdentity:
    """`Identify` over HTTP. `service_roles`: beside the token of somebody who has one of them a token may have expired some time ago,
    as long as identity still vouches for it: services finish what they began."""

    def __init__(self, service: IdentityService, clock: Clock, service_roles: Iterable[str] = ()):
        self.service, self.clock = service, clock
        self.service_roles = frozenset(role.lower() for role in service_roles)
        self.known: OrderedDict[tuple[str, bool], tuple[float, Context]] = OrderedDict()

    async def __call__(self, token: str, service_token: str | None = None, *, request_id: str = "", method: str, path: str) -> Context:
        """Raises Unauthenticated, or Unavailable when identity cannot be reached: nobody gets in meanwhile. Application credentials
        with access rules do not get in either: only identity's own process knows what their rules mean."""
        service_roles = (await self._context(service_token)).roles if service_token else frozenset[str]()
        who = await self._context(token, service_token or "", late=bool(service_roles & self.service_roles))
        return msgspec.structs.replace(who, request_id=request_id, service_roles=service_roles)

    async def _context(self, token: str, service_token: str = "", *, late: bool = False) -> Context:
        now = self.clock.monotonic()
        if (known := self.known.get((token, late))) is not None and now - known[0] < KEEP_S:
            return known[1]
        answer = await self._validated(token, service_token, late=late)
        if answer.status != 200:
            raise Unauthenticated()
        data = answer.body["token"]
        limited = (data.get("application_credential") or {}).get("access_rules") is not None
        if limited or (parse_iso(data["expires_at"]) <= self.clock.now() and not late):
            raise Unauthenticated()
        context = context_of(token, data)
        self.known[token, late] = now, context
        while len(self.known) > MOST:
            self.known.popitem(last=False)
        return context

    async def _validated(self, token: str, service_token: str, *, late: bool) -> Answer:
        path = "/auth/tokens?nocatalog" + ("&allow_expired=1" if late else "")
        if self.service.user.username:
            return await self.service.ask_as_service("GET", path, {"x-subject-token": token})
        return await self.service.ask("GET", path, service_token if late else token, {"x-subject-token": token})
