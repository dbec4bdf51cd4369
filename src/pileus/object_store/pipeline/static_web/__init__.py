"""Containers as web sites, for who comes without a token: an index in the place of a folder, listings, pages for errors.

A container's metadata says so: web-index, web-listings, web-listings-css, web-listings-label, web-error, web-directory-type.
(Object Storage API, "Create static website".)
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.pipeline.static_web import page
from pileus.object_store.proxy.info import Info
from pileus.object_store.wire.message import Request, Response, is_true
from pileus.object_store.wire.status import plain

HTML = {"content-type": "text/html; charset=UTF-8"}
FOLDER = "application/directory"


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """What a container says of its site."""

    index: str
    error: str
    listings: str
    label: str
    css: str
    folder: str                             # the type of objects that stand for folders

    @property
    def exists(self) -> bool:
        return bool(self.index or self.listings)


def site_of(info: Info) -> Site:
    names = ("index", "error", "listings", "listings-label", "listings-css")
    said = {name: info.meta("container", f"web-{name}").strip() for name in names}
    return Site(index=said["index"], error=said["error"], listings=said["listings"], label=said["listings-label"],
                css=said["listings-css"], folder=info.meta("container", "web-directory-type").strip() or FOLDER)


class StaticWeb(Feature):
    def info(self) -> dict[str, Any]:
        return {"staticweb": {}} if self.store.config.static_web else {}

    def wanted(self) -> bool:
        return self.store.config.static_web

    def concerns(self, req: Request) -> bool:
        return req.method in ("GET", "HEAD") and (req.who is None or is_true(req.header("x-web-mode")))

    async def __call__(self, req: Request) -> Response:
        try:
            _, account, container, obj = req.split(3, 4)
        except ValueError:
            return await self.app(req)
        info = await self.store.container_info(str(account), str(container))
        visit = Visit(self, req, f"/v1/{account}/{container}", obj or "", site_of(info))
        if not visit.site.exists and not visit.site.error and not (obj is None and is_true(req.header("x-web-mode"))):
            return await self.app(req)
        response = await (visit.container(info) if obj is None else visit.object())
        response.facts["listing.settled"] = True
        return response


class Visit:
    """One visitor's request. `root`: the container's path; `obj`: the path within."""

    def __init__(self, feature: StaticWeb, req: Request, root: str, obj: str, site: Site):
        self.feature, self.req, self.root, self.obj, self.site = feature, req, root, obj, site

    async def container(self, info: Info) -> Response:
        """The site's own address."""
        req = self.req
        req.acl = info.headers.get("x-container-read")
        req.facts["acl.domain"] = info.sysmeta("container", "acl-domain")
        if req.authorize is not None and (refusal := await req.authorize(req)) is not None:
            return await self._error(refusal)
        if not self.site.exists:
            return plain(404) if is_true(req.header("x-web-mode")) else await self.feature.app(req)
        if not req.path.endswith("/"):
            return self._with_slash()
        if self.site.index:
            found = await self._get(req.path + self.site.index)
            if found.status != 404:
                return found if _usable(found) else await self._error(found)
            await found.close()
        return await self._listing("")

    async def object(self) -> Response:
        """A page, or a folder."""
        found = await self._get(self.req.path)
        if _usable(found) and not (found.header("content-type") == self.site.folder and (found.length or 0) <= 1):
            return found
        if not _usable(found) and (found.status != 404 or not self.site.exists):
            return found if found.status != 404 else await self._error(found)
        await found.close()
        folder = self.req.path.rstrip("/") + "/"
        if self.site.index:
            index = await self._get(folder + self.site.index)
            if _usable(index) and self.req.path.endswith("/"):
                return index
            await index.close()
            if _usable(index):
                return self._with_slash()
            if index.status != 404:
                return await self._error(index)
        if self.req.path.endswith("/"):
            return await self._listing(self.obj)
        if await self._rows({"limit": "1", "delimiter": "/", "prefix": self.obj + "/"}):
            return self._with_slash()
        return await self._error(plain(404))

    async def _listing(self, prefix: str) -> Response:
        shown = f"{self.site.label}/{self.obj}" if self.site.label else self.req.path
        before, links = self.req.facts.get("tempurl.links", ("", ""))
        frame = page.Frame(title=shown, prefix=prefix, css=self.site.css, parent=len(prefix) > len(before), links=links)
        if not is_true(self.site.listings):
            return await self._error(Response(404, HTML, page.disabled(frame, self.site.index)))
        answer = await self._list({"delimiter": "/", **({"prefix": prefix} if prefix else {})})
        if not answer.ok:
            return await self._error(answer)
        rows = msgspec.json.decode(await answer.read())
        if prefix and not rows:
            return await self._error(plain(404))
        made = Response(200, HTML, page.listing(frame, rows))
        made.facts["static_web.listing"] = True
        return made

    async def _error(self, refusal: Response) -> Response:
        """The site's own page for that error, where there is one."""
        if not self.site.error:
            return refusal
        own = await self._get(f"{self.root}/{refusal.status}{self.site.error}", method="GET", plainly=True)
        if not own.ok:
            await own.close()
            return refusal
        await refusal.close()
        own.status = refusal.status
        return own

    async def _get(self, path: str, *, method: str = "", plainly: bool = False) -> Response:
        headers = {} if plainly else dict(self.req.headers)
        return await self.feature.app(self.req.child(method or self.req.method, path, headers, query="" if plainly else self.req.query,
                                                     source="SW"))

    async def _list(self, params: dict[str, str]) -> Response:
        query = urlencode(params, errors="surrogateescape")
        headers = {"referer": self.req.header("referer")} if "referer" in self.req.headers else {}
        return await self.feature.app(self.req.child("GET", self.root, headers, query=query, source="SW"))

    async def _rows(self, params: dict[str, str]) -> list[Any]:
        answer = await self._list(params)
        return msgspec.json.decode(await answer.read()) if answer.ok else []

    def _with_slash(self) -> Response:
        """The same place, written as the folder that it is: what is relative in its pages is meant from there."""
        path = quote(self.req.path + "/", errors="surrogateescape")
        scheme, _, host = self.feature.store.config.static_web_url.rpartition("://")
        scheme, host = scheme or self.req.facts.get("scheme", "http"), host or self.req.header("host")
        return plain(301, headers={"location": f"{scheme}://{host}{path}" if host else path})


def _usable(response: Response) -> bool:
    return 200 <= response.status < 400
