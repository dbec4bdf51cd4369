"""Remote consoles: a URL with a token for people, where the token leads for operators, and the page behind the URL."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import mimetypes
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec
from msgspec import Meta

from pileus.compute.api.errors import render
from pileus.compute.api.query import Parameters, refusing
from pileus.core.errors import NotFound
from pileus.core.http import Api, Reply, Request, Route

#: Where the page and the WebSocket are.
ROOT, SOCKET = "/console", "/console/socket"

#: Where distributions put noVNC.
NOVNC = ("/usr/share/novnc", "/usr/share/webapps/novnc", "/usr/local/share/novnc")
KINDS = {".js": "text/javascript", ".css": "text/css", ".html": "text/html; charset=utf-8"}

#: The page loads nothing from elsewhere, is in nobody's frame, and its address, which holds the token, goes nowhere.
GUARDED = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
                               "img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "referrer-policy": "no-referrer", "x-content-type-options": "nosniff", "cache-control": "no-store",
}  # fmt: skip


class Closed(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A body with nothing else in it."""


class WantedConsole(Closed):
    protocol: Literal["vnc", "spice", "rdp", "serial", "mks"]
    type: Literal["novnc", "xvpvnc", "spice-html5", "spice-direct", "rdp-html5", "serial", "webmks"]


class ConsoleBody(Closed):
    remote_console: WantedConsole


class VncType(Closed):
    type: Literal["novnc", "xvpvnc"]


class SerialType(Closed):
    type: Literal["serial"]


class SpiceType(Closed):
    type: Literal["spice-html5"]


class RdpType(Closed):
    type: Literal["rdp-html5"]


async def create(req: Request, server_id: str, body: ConsoleBody):
    wanted = body.remote_console
    token = await req.services.compute.consoles.create(server_id, wanted.type, req.who, protocol=wanted.protocol)
    return {"remote_console": {"protocol": wanted.protocol, "type": wanted.type, "url": _url(req, wanted.type, token)}}


async def get_console(req: Request, server_id: str, body: VncType | SerialType | SpiceType | RdpType) -> Reply:
    """The actions of old: os-getVNCConsole and its like."""
    token = await req.services.compute.consoles.create(server_id, body.type, req.who)
    return Reply(200, {"console": {"type": body.type, "url": _url(req, body.type, token)}})


async def _own(req: Request, server_id: str):
    server = await req.services.compute.servers.get(server_id, req.who)
    return {"project_id": server.project_id, "user_id": server.user_id}


async def show_token(req: Request, token: Annotated[str, Meta(max_length=255)]):
    """Where a token leads, as the host says at this moment."""
    found, address = await req.services.compute.consoles.lookup(token)
    if found.type != "rdp-html5" and req.version < (2, 31):
        raise NotFound("The requested console type details are not accessible.")
    console = {"instance_uuid": found.server_id, "host": address.host, "port": address.port, "internal_access_path": address.path or None}
    return {"console": console | ({"tls_port": None} if req.version >= (2, 99) else {})}


def _url(req: Request, type: str, token: str) -> str:
    """The address of the page, or of the socket itself for consoles without one."""
    path = f"{SOCKET.lstrip('/')}?token={token}"
    if type == "serial":
        scheme, _, rest = req.url(f"/{path}").partition("://")
        return f"{'wss' if scheme == 'https' else 'ws'}://{rest}"
    return req.url(f"{ROOT}/vnc.html?path={quote(path, safe='')}")


async def page(req: Request, file: str) -> Reply:
    """Our own page. Its files are few and have no folders."""
    shown = resources.files("pileus.compute.console") / "page" / file
    if file not in ("vnc.html", "vnc.js", "vnc.css"):
        raise NotFound()
    return Reply(200, data=shown.read_bytes(), content_type=KINDS[Path(file).suffix], headers=GUARDED)


async def novnc(req: Request, file: str) -> Reply:
    """A file of the noVNC that is installed on this host, and nothing beside it."""
    for folder in map(Path, NOVNC):
        found = (folder / file).resolve()
        if found.is_relative_to(folder) and found.is_file():
            kind = KINDS.get(found.suffix) or mimetypes.guess_type(found.name)[0] or "application/octet-stream"
            data = await asyncio.to_thread(found.read_bytes)
            return Reply(200, data=data, content_type=kind, headers={"x-content-type-options": "nosniff"})
    raise NotFound()


CONSOLES = "os_compute_api:os-remote-consoles"
TOKEN = "/v2.1/os-console-auth-tokens/{token}"
ROUTES = [
    Route("POST", "/v2.1/servers/{server_id}/remote-consoles", create, policy=CONSOLES, body=ConsoleBody, target=_own, since=(2, 6)),
    *refusing([Route("GET", TOKEN, show_token, policy="os_compute_api:os-console-auth-tokens")], {TOKEN: Parameters({}, strict=(2, 99))}),
]


#: The pages, which are no part of Nova's API: without versions, and open to all, for the token is in the address.
PAGES = Api(name="console", root=ROOT, render=render, routes=[Route("GET", "/novnc/{file:path}", novnc), Route("GET", "/{file}", page)])
