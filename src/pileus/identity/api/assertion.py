"""What is said of the one who sends a request (`federation.assertions`), read off its headers and the address it came from."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.http import Request
from pileus.identity.federation.mapping import Assertion


def source_of(req: Request) -> str:
    """What failed logins are counted by."""
    return req.services.identity.sources.of(req.falcon.remote_addr, req.header("x-forwarded-for"))


async def assertion_of(req: Request, idp_id: str) -> Assertion:
    """Raises Unauthenticated when nobody we believe says anything."""
    headers = {name.lower(): value for name, value in req.falcon.headers.items()}
    return await req.services.identity.assertions.read(idp_id, req.falcon.remote_addr, headers)
