"""What is said of the one who sends a request (`federation.assertions`), read off its headers and the address it came from."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.http import Request
from pileus.identity.federation.mapping import Assertion
from pileus.identity.model import UserRef
from pileus.identity.payload import REMOTE


def source_of(req: Request) -> str:
    """What failed logins are counted by."""
    return req.services.identity.sources.of(req.falcon.remote_addr, req.header("x-forwarded-for"))


def remote_of(req: Request, methods: list[str]) -> tuple[str, UserRef] | None:
    """How, and as whom, the web server in front knows somebody, when they ask for that. Raises Unauthenticated."""
    method = next((m for m in methods if m in REMOTE), None)
    if method is None:
        return None
    return method, req.services.identity.assertions.remote_user(method, req.falcon.remote_addr, req.headers)


async def assertion_of(req: Request, idp_id: str) -> Assertion:
    """Raises Unauthenticated when nobody we believe says anything."""
    return await req.services.identity.assertions.read(idp_id, req.falcon.remote_addr, req.headers)
