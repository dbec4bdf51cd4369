"""The route tables of all services, compiled onto one Falcon application."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import re
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from types import SimpleNamespace
from typing import Any

import falcon
import falcon.asgi
import msgspec
from falcon.routing import CompiledRouter

from pileus.core import errors
from pileus.core.context import Context
from pileus.core.db import Deadlock
from pileus.core.http import handover, strict
from pileus.core.http.microversion import refuse_foreign_fields, show, vanishing
from pileus.core.http.reply import Reply
from pileus.core.http.request import FalconRequest, Request
from pileus.core.http.route import Api, Route
from pileus.core.ids import Ids
from pileus.core.log import Log
from pileus.core.metrics import Metrics
from pileus.core.policy import Policy

log = Log("pileus.http")
encode = msgspec.json.Encoder(enc_hook=lambda value: sorted(value) if isinstance(value, (set, frozenset)) else str(value)).encode

#: The character that no database keeps in a text, as JSON spells it (and not as it spells a backslash before "u0000").
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

#: How often a request that met another one in the database is tried again.
DEADLOCK_RETRIES = 5

#: Verifies the token of a request and says who asks; raises Unauthenticated.
Authenticate = Callable[[Request], Awaitable[Context]]


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """What every service's routes share."""

    services: Any
    authenticate: Authenticate
    policy: Policy
    ids: Ids
    metrics: Metrics


def build(apis: list[Api], edge: Edge) -> falcon.asgi.App:
    """One ASGI application with every route of every API. Raises ValueError for a table that contradicts itself."""
    app = App(edge, request_type=FalconRequest, router=routed(apis))
    app.req_options.auto_parse_form_urlencoded = False
    app.req_options.strip_url_path_trailing_slash = True
    app.resp_options.default_media_type = None      # type: ignore[assignment]  # an answer without a body has no type either
    for api in apis:
        app.add_sink(_nowhere(api, edge), prefix=api.root + "/" if api.root else "/")
    roots = sorted(apis, key=lambda api: -len(api.root))

    async def refused(fr, resp, problem, params, **_):
        """What Falcon itself refuses (no such method, a body too long), in the service's own envelope."""
        api = next((a for a in roots if fr.path.startswith(a.root)), roots[-1])
        kinds = {404: errors.NotFound, 405: errors.MethodNotAllowed, 413: errors.TooLarge}
        kind = kinds.get(getattr(problem, "status_code", 400), errors.Invalid)
        if kind is errors.MethodNotAllowed and fr.scope["path"].endswith("/"):
            kind = errors.NotFound              # `DELETE /servers/` is about a server with an empty id, not about the list
        req = _stray(api, fr, edge)
        _finish(api, req, resp, None, _error_reply(api, req, kind(headers=dict(getattr(problem, "headers", None) or {}))))

    app.add_error_handler(falcon.HTTPError, refused)
    return app


class App(handover.App):
    """Tells the routes, which know no cloud, for which one they answer."""

    def __init__(self, edge: Edge, **options: Any):
        super().__init__(**options)
        self.edge = edge

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:      # type: ignore[override]
        scope["pileus.edge"] = self.edge
        await super().__call__(scope, receive, send)


def routed(apis: list[Api]) -> CompiledRouter:
    """Every route of every API, the same for every cloud."""
    router = CompiledRouter()
    app: falcon.asgi.App = falcon.asgi.App(router=router)
    for api in apis:
        by_path: dict[str, dict[str, list[Route]]] = defaultdict(lambda: defaultdict(list))
        for route in api.routes:
            by_path[route.path][route.method].append(route)
        for path, methods in by_path.items():
            if "GET" in methods and "HEAD" not in methods:
                methods["HEAD"] = methods["GET"]
            responders = {f"on_{method.lower()}": _responder(api, routes, methods) for method, routes in methods.items()}
            for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} - methods.keys() if api.strict else ():
                responders[f"on_{method.lower()}"] = _responder(api, [], methods)
            app.add_route((api.root + path).rstrip("/") or "/", SimpleNamespace(**responders))
    return router


def _request(api: Api, fr: FalconRequest, edge: Edge) -> Request:
    return Request(fr, edge.services, edge.ids.request(), edge.policy, api)


def _stray(api: Api, fr: FalconRequest, edge: Edge) -> Request:
    """A request that no route takes, at the version it asks for or else the default."""
    req = _request(api, fr, edge)
    if (mv := api.microversions) is not None:
        req.version = mv.default
        with suppress(errors.CloudError):
            req.version = mv.negotiate(req.header("openstack-api-version"), req.header(mv.legacy_header) if mv.legacy_header else None)
    return req


def _responder(api: Api, routes: list[Route], methods: dict[str, list[Route]]):
    """The coroutine that Falcon calls for one method of one path; `methods` are all that the path has."""
    async def respond(fr, resp, **params):
        began = time.perf_counter()
        edge: Edge = fr.scope["pileus.edge"]
        req = _request(api, fr, edge)
        req.params = params
        try:
            route = await _admit(api, routes, edge, req, methods)
            args = params
            if route.body is not None:
                args = params | {"body": await _body(api, route, req)}
            reply = await _handled(route, req, args)
            if not isinstance(reply, Reply):
                reply = Reply(route.ok, reply)
            if api.microversions is not None and reply.body is not None and api.microversions.converts(req.version, route.policy):
                reply.body = api.microversions.as_of(req.version, route.policy, msgspec.to_builtins(reply.body), req)
        except errors.CloudError as error:
            reply = _error_reply(api, req, error)
        except Exception:
            log.exception("unexpected error", request=req.id, method=req.method, path=req.path)
            reply = _error_reply(api, req, errors.CloudError())
        if api.observe is not None:
            api.observe(req, reply)
        _finish(api, req, resp, edge.metrics, reply, began)

    return respond


async def _handled(route: Route, req: Request, args: dict[str, Any]) -> Any:
    """The handler's answer. What a deadlock undid is done again: a transaction is all or nothing."""
    for _ in range(0 if route.stream else DEADLOCK_RETRIES):
        try:
            return await route.handler(req, **args)
        except Deadlock:
            continue
    return await route.handler(req, **args)


async def _admit(api: Api, routes: list[Route], edge: Edge, req: Request, methods: dict[str, list[Route]]) -> Route:
    """Authenticate, negotiate the version, choose the route and enforce its policy."""
    if "\0" in req.path or "%00" in req.falcon.query_string:
        raise errors.Invalid("The address of a request cannot contain the character U+0000.")
    if api.microversions is not None:
        mv = api.microversions
        req.version = mv.default
        try:
            req.version = mv.negotiate(req.header("openstack-api-version"), req.header(mv.legacy_header) if mv.legacy_header else None)
        except errors.CloudError:
            if api.strict or any(r.policy is not None for r in routes):
                raise
    route = next((r for r in routes if _serves(r, req)), None)
    if api.empty_ids and route is not None and route.policy is not None and req.falcon.scope["path"].endswith("/"):
        route = None
    if route is None or route.policy is not None:
        req.who = await edge.authenticate(req)
    if route is None:
        if api.strict and (not routes or any(_serves(r, req) for others in methods.values() for r in others)):
            raise strict.method_not_allowed(req.method, methods)
        raise errors.NotFound()
    req.route = route
    if api.strict and route.method == "GET":
        strict.check_accept(req)
    if route.policy is not None:
        who = req.who
        if route.target is not None:
            target = await route.target(req, **req.params)
        else:
            target = {"project_id": who.project_id, "user_id": who.user_id, "domain_id": who.domain_id}
        edge.policy.enforce(route.policy, who, target)
    return route


def _serves(route: Route, req: Request) -> bool:
    """Whether a route exists at the request's version."""
    return (route.since is None or route.since <= req.version) and (route.until is None or req.version <= route.until)


async def _body(api: Api, route: Route, req: Request) -> Any:
    """The decoded body. Raises Invalid for JSON that is none, or is not what the route takes."""
    length = req.header("content-length") or ""
    if length and not length.isdecimal():
        raise errors.Invalid("content-length header must be an integer")
    if length and int(length) > api.max_body:
        raise errors.TooLarge()
    raw = req.raw = await req.falcon.stream.read()
    if len(raw) > api.max_body:
        raise errors.TooLarge()
    if not raw and route.optional_body:
        return None
    if b"\\u0000" in raw and _NUL.search(raw):
        raise errors.Invalid("Text cannot contain the character U+0000.")
    if api.strict:
        strict.check_content_type(req)
    kind = req.falcon.content_type
    if raw and kind and api.only_json and kind.partition(";")[0].strip().lower() != "application/json":
        raise errors.Invalid("Expecting to find application/json in Content-Type header.")
    if raw and kind and "json" not in kind and "text/plain" not in kind:
        raise errors.UnsupportedMedia()
    mv = api.microversions
    try:
        if mv is None or (req.version == mv.high and not vanishing(route.body)):
            return msgspec.json.decode(raw, type=route.body)
        value = mv.to_latest(req.version, route.policy, _shaped(route, msgspec.json.decode(raw), req), req)
        return msgspec.convert(value, route.body)
    except msgspec.ValidationError as problem:
        raise errors.Invalid(f"Invalid input: {problem}") from problem
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise errors.Invalid(f"Malformed request body: {problem}") from problem
    except RecursionError as problem:
        raise errors.Invalid("Malformed request body: it is nested too deeply.") from problem


def _shaped(route: Route, value: Any, req: Request) -> Any:
    refuse_foreign_fields(route.body, value, req.version)
    return value


def _error_reply(api: Api, req: Request, error: errors.CloudError) -> Reply:
    if error.status >= 500:
        log.error("request failed", request=req.id, method=req.method, path=req.path,
                  status=error.status, error=str(error), detail=error.detail)
    headers, body = api.render(error, req)
    if error.status == 401:
        headers = {"www-authenticate": f'Keystone uri="{req.origin}/identity"'} | headers
    if req.unread:
        headers = headers | {"connection": "close"}
    return Reply(error.status, body, headers | error.headers)


def _finish(api: Api, req: Request, resp: falcon.asgi.Response, metrics: Metrics | None, reply: Reply, began: float | None = None) -> None:
    """Put a reply into Falcon's response."""
    resp.status = reply.status
    for name in api.request_id_headers:
        resp.set_header(name, req.id)
    if api.vary:
        resp.set_header("vary", api.vary)
    if api.microversions is not None:
        mv = api.microversions
        resp.set_header("openstack-api-version", f"{mv.service} {show(req.version)}")
        vary = "OpenStack-API-Version" if not api.strict else "openstack-api-version"
        if mv.legacy_header:
            resp.set_header(mv.legacy_header, show(req.version))
            vary += ", " + mv.legacy_header
        resp.set_header("vary", vary)
    if reply.file is not None:
        resp.stream, resp.content_type, resp.content_length = handover.as_stream(reply.file), reply.content_type, reply.length
    elif reply.stream is not None:
        resp.stream, resp.content_type = _while_heard(req.falcon, reply.stream), reply.content_type
        if reply.length is not None:
            resp.content_length = reply.length
    elif reply.data is not None:
        resp.data, resp.content_type = reply.data, reply.content_type
    elif isinstance(reply.body, str):
        resp.text, resp.content_type = reply.body, "text/plain"
    elif reply.body is not None:
        resp.data, resp.content_type = encode(reply.body), reply.content_type
    for name, value in reply.headers.items():
        (resp.append_header if name == "set-cookie" else resp.set_header)(name, value)      # Falcon sets no cookies by `set_header`
    if metrics is not None and began is not None:
        metrics.request(api.name, req.method, reply.status, time.perf_counter() - began)


async def _while_heard(fr: FalconRequest, stream: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    """The stream, which ends early when the client went away: what is sent to nobody is still read from a disk."""
    gone = asyncio.ensure_future(fr.gone())
    try:
        async with aclosing(stream):
            async for chunk in stream:
                if gone.done():
                    break
                yield chunk
    finally:
        gone.cancel()


def _nowhere(api: Api, edge: Edge):
    async def nowhere(fr, resp, **_):
        req = _stray(api, fr, edge)
        _finish(api, req, resp, edge.metrics, _error_reply(api, req, errors.NotFound()))

    return nowhere
