"""A line for each request, with the fields that programs which read Swift's logs know. Tokens and signatures are never in it.

(Swift, "Proxy logging".) A line is written when the last byte of the answer has gone.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from pileus.core.log import Log
from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.wire.body import Body, FileBody, Wrapped
from pileus.object_store.wire.message import Request, Response

log = Log("pileus.object_store.access")

FIELDS = ("client_ip", "remote_addr", "end_time.datetime", "method", "path", "protocol", "status_int", "referer", "user_agent",
          "auth_token", "bytes_recvd", "bytes_sent", "client_etag", "transaction_id", "headers", "request_time", "source", "log_info",
          "start_time", "end_time", "policy_index")
SECRET = re.compile(r"((?:temp_url_sig|signature|x-amz-signature|x-amz-security-token)=)[^&]*", re.I)


class AccessLog(Feature):
    def wanted(self) -> bool:
        return bool(self.store.config.access_log)

    async def __call__(self, req: Request) -> Response:
        line = Line(self, req)
        response = await self.app(req)
        line.answered(response)
        return response


class Line:
    """What becomes the line of one request: begun when it comes, written when its answer has gone."""

    def __init__(self, feature: AccessLog, req: Request):
        self.feature, self.req, self.began = feature, req, feature.store.clock.now().timestamp()
        self.asked = SECRET.sub(r"\1...", req.url())
        self.received, self.body = 0, req.body
        self.method = req.method
        if req.body is not None:
            req.body = self

    def __aiter__(self) -> Line:
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self.body)  # type: ignore[arg-type]
        self.received += len(chunk)
        return chunk

    def answered(self, response: Response) -> None:
        """Write the line: now, or when the stream that the answer is has ended."""
        if isinstance(response.body, (bytes, FileBody)):
            self.write(response, response.status, 0 if self.method == "HEAD" else response.length or 0)
        else:
            response.body = Wrapped(self._watched(response, response.body), response.body)

    async def _watched(self, response: Response, body: Body) -> AsyncGenerator[bytes]:
        sent, status = 0, 499                   # unless it comes to its end, the client went away
        try:
            async with aclosing(body) as chunks:  # type: ignore[type-var]
                async for chunk in chunks:      # type: ignore[union-attr]
                    sent += len(chunk)
                    yield chunk
            status = response.status
        finally:
            self.write(response, status, sent)

    def write(self, response: Response, status: int, sent: int) -> None:
        req, ended = self.req, self.feature.store.clock.now().timestamp()
        facts: dict[str, Any] = {
            "client_ip": req.header("x-forwarded-for").partition(",")[0].strip() or req.facts.get("client"),
            "remote_addr": req.facts.get("client"), "end_time.datetime": datetime.fromtimestamp(ended, UTC).strftime("%d/%b/%Y/%H/%M/%S"),
            "method": self.method, "path": self.asked, "protocol": "HTTP/1.1", "status_int": status, "referer": req.header("referer"),
            "user_agent": req.header("user-agent"), "auth_token": "..." if "x-auth-token" in req.headers else "",
            "bytes_recvd": self.received or "", "bytes_sent": sent or "", "client_etag": req.header("etag"), "transaction_id": req.id,
            "request_time": f"{ended - self.began:.4f}", "source": req.facts.get("source"), "start_time": f"{self.began:.9f}",
            "end_time": f"{ended:.9f}", "policy_index": response.header("x-backend-storage-policy-index")}
        log.info(" ".join(quote(str(facts.get(field) or "-"), safe="/:?&=.,%+") for field in FIELDS))
