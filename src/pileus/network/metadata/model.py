"""A question of a guest, an answer, and how much of a guest's asking is borne."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec


class MetadataRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A GET, or a POST of a few bytes. Exactly one of `network_id` and `router_id` is set; with `source_ip` it names the port that asks."""

    source_ip: str
    path: str                               # as asked, without the query; begins with a slash
    query: str = ""
    network_id: str | None = None
    router_id: str | None = None
    method: str = "GET"                     # or POST
    body: bytes = b""                       # of a POST


class MetadataResponse(msgspec.Struct, frozen=True, kw_only=True):
    status: int = 200
    content_type: str = "text/plain; charset=utf-8"
    body: bytes = b""


Answer = Callable[[MetadataRequest], Awaitable[MetadataResponse]]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Guests are not trusted to be short, quick or few."""

    head_bytes: int = 16_384
    path_length: int = 2_048
    body_bytes: int = 4_096                 # of a POST: enough for an encrypted password
    head_timeout_s: float = 10              # for the whole head of a request, and for the pause before it
    answer_timeout_s: float = 30
    send_timeout_s: float = 30
    connections: int = 64                   # at a time, in one network or router
    requests: int = 100                     # on one connection
