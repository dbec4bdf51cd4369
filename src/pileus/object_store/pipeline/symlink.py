"""Symlinks: an empty object that stands for another one, wherever that is; a static one stands for it as long as it is the same.

Reading follows the link with the reader's rights; writing, copying over and deleting are about the link itself. (Object Storage
API reference, "Symlink".)
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote

from pileus.object_store.model.names import RESERVED
from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.pipeline.listing_formats import listed
from pileus.object_store.wire.body import drain
from pileus.object_store.wire.message import ALLOWS_RESERVED, Request, Response, Stop
from pileus.object_store.wire.status import plain

KEPT = "x-object-sysmeta-symlink-"
#: What clients say → what is kept.
FIELDS = {"x-symlink-target": KEPT + "target", "x-symlink-target-account": KEPT + "target-account",
          "x-symlink-target-etag": KEPT + "target-etag", "x-symlink-target-bytes": KEPT + "target-bytes"}
OVERRIDE = "x-object-sysmeta-container-update-override-etag"
EMPTY = "d41d8cd98f00b204e9800998ecf8427e"
#: Links that are followed, one behind the other.
MOST = 2


class Symlinks(Feature):
    def info(self) -> dict[str, Any]:
        return {"symlink": {"symloop_max": MOST, "static_links": True}}

    async def __call__(self, req: Request) -> Response:
        try:
            req.split(4, 4)
        except ValueError:
            return await self._listing(req)
        if req.method == "PUT" and "x-symlink-target" in req.headers:
            return await self._put(req)
        if req.method == "PUT" and "x-symlink-target-etag" in req.headers:
            return plain(400, "X-Symlink-Target-Etag without X-Symlink-Target")
        if req.method == "POST":
            return await self._post(req)
        if req.method in ("GET", "HEAD"):
            return await self._read(req)
        return await self.app(req)

    # ---- writing -----------------------------------------------------------------------------------------------------
    async def _put(self, req: Request) -> Response:
        if req.length or req.header("transfer-encoding"):
            await drain(req.body)
            return plain(400, "Symlink requests require a zero byte body")
        account = req.path.split("/", 3)[2]
        container, obj = _names(req.headers.pop("x-symlink-target"), reserved="symlink.pinned" in req.facts)
        owner = unquote(req.headers.pop("x-symlink-target-account", ""))
        if "/" in owner:
            return plain(412, "Account name cannot contain slashes")
        target = f"/v1/{owner or account}/{container}/{obj}"
        if target == req.path:
            return plain(400, "Symlink cannot target itself")
        kept = {"target": quote(f"{container}/{obj}", errors="surrogateescape")}
        if owner and owner != account:
            kept["target-account"] = quote(owner)
        etag = req.headers.pop("x-symlink-target-etag", "").strip('"')
        if pinned := req.facts.pop("symlink.pinned", None):     # a feature knows what it links to
            kept |= pinned
        elif etag:
            kept |= await self._pinned(req, target, etag)
        req.headers.pop("x-symlink-target-bytes", None)
        for name, value in kept.items():
            req.headers[KEPT + name] = value
        req.headers.setdefault("content-type", "application/symlink")
        whole = [f"slo_etag={etag}"] if (etag := req.facts.pop("symlink.slo_etag", "")) else []
        _, _, said = req.header(OVERRIDE).partition("; ")       # what features further out tell listings of the target
        links = [f"symlink_{name.replace('-', '_')}={value}" for name, value in kept.items()]
        told = "; ".join([EMPTY, *([said] if said else []), *whole, *links])
        req.headers[OVERRIDE] = told
        response = await self.app(req)
        if response.ok:
            response.headers["content-location"] = quote(target, errors="surrogateescape")
        return response

    async def _pinned(self, req: Request, target: str, etag: str) -> dict[str, str]:
        """What a static link keeps of its target. Raises Stop when that is not what the client thinks."""
        found = await self.app(req.child("HEAD", target, {"x-newest": "true"}, source="SYM"))
        if found.status == 404:
            raise Stop(plain(409, "X-Symlink-Target does not exist", {"content-location": quote(target, errors="surrogateescape")}))
        if not found.ok:
            raise Stop(found)
        real = _etag(found)
        if real != etag:
            raise Stop(plain(409, f"Object Etag '{real}' does not match X-Symlink-Target-Etag header '{etag}'"))
        req.headers.setdefault("content-type", found.header("content-type"))
        req.facts["symlink.slo_etag"] = found.header("x-object-sysmeta-slo-etag")
        size = found.header(KEPT + "target-bytes") or found.header("x-object-sysmeta-slo-size") or found.header("content-length", "0")
        return {"target-etag": etag, "target-bytes": size}

    async def _post(self, req: Request) -> Response:
        """Metadata of a link is the link's own; whoever meant the target is told where it is."""
        if any(name in req.headers for name in FIELDS):
            return plain(400, "A PUT request is required to set a symlink target")
        response = await self.app(req)
        if response.ok and (target := response.header(KEPT + "target")):
            account = unquote(response.header(KEPT + "target-account")) or req.path.split("/", 3)[2]
            text = "The requested POST was sent to a symlink. POST directly to the target to apply requested metadata."
            links = {n: v for n, v in response.headers.items() if n.startswith(KEPT)}
            return _shown(plain(307, text, {"location": f"/v1/{quote(account)}/{target}"} | links))
        return response

    # ---- reading -----------------------------------------------------------------------------------------------------
    async def _read(self, req: Request) -> Response:
        if req.query and req.params.get("symlink") == "get":
            return _shown(await self.app(req))
        asked, passed = req, 0
        response = await self.app(asked)
        while target := response.header(KEPT + "target"):
            if response.status not in (200, 206, 304, 412, 416):
                return response
            await response.close()
            hidden = RESERVED in unquote(target, errors="surrogateescape")
            if passed >= MOST and not hidden:
                return plain(409, f"Too many levels of symbolic links, maximum allowed is {MOST}")
            account = unquote(response.header(KEPT + "target-account")) or asked.path.split("/", 3)[2]
            pinned = response.header(KEPT + "target-etag")
            path = f"/v1/{account}/{unquote(target, errors='surrogateescape')}"
            headers = {n: v for n, v in req.headers.items() if n not in ("x-auth-token", "x-service-token")}
            if hidden:      # only features link to what is the store's own, and the rights to the link are those to it
                headers[ALLOWS_RESERVED] = "true"
            asked, passed = req.child(req.method, path, headers, query=req.query, source="SYM", trusted=hidden), passed + (not hidden)
            response = await self.app(asked)
            if pinned and response.status in (200, 206, 304, 412, 416) and _etag(response) != pinned:
                await response.close()
                text = f"Object Etag '{_etag(response)}' does not match X-Symlink-Target-Etag header '{pinned}'"
                return plain(409, text, {"content-location": quote(path, errors="surrogateescape")})
        if asked is not req:
            response.headers["content-location"] = quote(asked.path, errors="surrogateescape") + (f"?{req.query}" if req.query else "")
        return response

    async def _listing(self, req: Request) -> Response:
        """In listings it is said where links lead to."""
        account = req.path.split("/", 3)[2] if req.path.count("/") == 3 else ""
        return await listed(self.app, req, b"symlink_target=", lambda row: _row(row, account))


def _etag(response: Response) -> str:
    """What a static link to this holds on to: for another static link, what that one holds on to."""
    return (response.header(KEPT + "target-etag") or response.header("etag")).strip('"')


def _shown(response: Response) -> Response:
    """The link itself."""
    for name, kept in FIELDS.items():
        if kept in response.headers:
            response.headers[name] = response.headers[kept]
    return response


def _row(row: dict[str, Any], account: str) -> dict[str, Any]:
    hash, *facts = row.get("hash", "").split("; ")
    found = dict(fact.partition("=")[::2] for fact in facts)
    if "symlink_target" not in found:
        return row
    row["hash"] = "; ".join([hash, *(f"{n}={v}" for n, v in found.items() if not n.startswith("symlink_"))])
    row["symlink_path"] = f"/v1/{found.get('symlink_target_account', account)}/{found['symlink_target']}"
    if "symlink_target_etag" in found:
        row["symlink_etag"], row["symlink_bytes"] = found["symlink_target_etag"], int(found.get("symlink_target_bytes", 0))
    return row


def _names(text: str, *, reserved: bool) -> tuple[str, str]:
    """Container and object of a target. Raises Stop when it is something else."""
    container, _, obj = unquote(text, errors="surrogateescape").lstrip("/").partition("/")
    if not container or not obj or (RESERVED in container + obj and not reserved):
        raise Stop(plain(412, "X-Symlink-Target header must be of the form <container name>/<object name>"))
    return container, obj
