"""Routes as data: what a service's API is can be read, walked and tested as a list."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from pileus.core.errors import CloudError
from pileus.core.http.microversion import Microversions, Version
from pileus.core.http.reply import Reply
from pileus.core.http.request import Request

Handler = Callable[..., Awaitable[Any]]
Target = Callable[..., Awaitable[Mapping[str, Any] | None]]


class Route(msgspec.Struct, frozen=True):
    """One operation of an API.

    `handler(req, **path_parameters)` gets `body` too when `body` names a type; what it returns is rendered as JSON with
    status `ok` (None: no content), unless it is a `Reply`. `policy` is the name of the rule that is enforced before the
    handler runs, against `target(req, **path_parameters)` or, without one, against the caller's own project; None only
    for what anybody may see. A route for a version range (`since`, `until`) is 404 outside of it.
    """

    method: str
    path: str
    handler: Handler
    policy: str | None = None
    body: Any = None
    ok: int = 200
    target: Target | None = None
    since: Version | None = None
    until: Version | None = None
    stream: bool = False                    # the body is bytes: the handler reads `req.stream` itself
    optional_body: bool = False             # an empty body is `body=None`


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """A service's HTTP face, mounted at `root` (`/compute`); the paths of `routes` begin behind it (`/v2.1/servers`)."""

    name: str                               # service type, as in the OpenStack-API-Version header
    root: str
    routes: list[Route]
    render: Callable[[CloudError, Request], tuple[dict[str, str], Any]]     # an error's headers and JSON body
    microversions: Microversions | None = None
    request_id_headers: tuple[str, ...] = ("x-openstack-request-id",)
    max_body: int = 1 << 20                 # bytes of a JSON body
    empty_ids: bool = False                 # `/servers/` is a server with an empty id (so not found) rather than the list
    vary: str = ""                          # the header whose value decides about every answer, which caches must know
    only_json: bool = False                 # a body that is called anything but JSON is invalid, be it what it may
    observe: Callable[[Request, Reply], None] | None = None     # is told of every request that a route took, and of its answer
    strict: bool = False                    # JSON must be called JSON, and what is no method of a path is 405 at any version
