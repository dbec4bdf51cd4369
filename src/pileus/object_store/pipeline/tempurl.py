"""Temporary URLs: whoever has a signed URL may do one thing with one object (or all below a prefix) until it expires.

The signature is an HMAC of method, expiry and path, with a key that is metadata of the account or of the container: a
container's key opens that container only. (Object Storage API reference, "Temporary URL middleware".)
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import binascii
import ipaddress
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

import msgspec

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.pipeline.signatures import OUTDATED, keys_of, parse, signs
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain

#: Whoever may do the first may look, too.
ALSO = {"HEAD": ("HEAD", "GET", "PUT", "POST")}
#: Would reach beyond the one object.
FORBIDDEN = ("x-object-manifest", "x-symlink-target", "x-copy-from")
HIDDEN, SHOWN = "x-object-meta-", "x-object-meta-public-"


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a URL says of itself."""

    signature: str
    expires: str
    prefix: str | None = None
    ip_range: str | None = None
    filename: str | None = None
    inline: bool = False

    @property
    def moment(self) -> int:
        """When it expires. Raises ValueError when that is no time."""
        if self.expires.isdigit():
            return int(self.expires)
        for form in ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"):
            try:
                return int(datetime.strptime(self.expires, form).replace(tzinfo=UTC).timestamp())
            except ValueError:
                continue
        raise ValueError(self.expires)


class TempUrl(Feature):
    def info(self) -> dict[str, Any]:
        config = self.store.config.tempurl
        outdated = [name for name in config.allowed_digests if name in OUTDATED]
        return {"tempurl": {"methods": config.methods, "incoming_remove_headers": ["x-timestamp"], "incoming_allow_headers": [],
                            "outgoing_remove_headers": [HIDDEN + "*"], "outgoing_allow_headers": [SHOWN + "*"],
                            "allowed_digests": config.allowed_digests, "deprecated_digests": outdated}}

    def concerns(self, req: Request) -> bool:
        return "temp_url_" in req.query and req.method != "OPTIONS"

    async def __call__(self, req: Request) -> Response:
        params = req.params
        if "temp_url_sig" not in params and "temp_url_expires" not in params:
            return await self.app(req)
        claim = Claim(signature=params.get("temp_url_sig", ""), expires=params.get("temp_url_expires", ""),
                      prefix=params.get("temp_url_prefix"), ip_range=params.get("temp_url_ip_range"), filename=params.get("filename"),
                      inline="inline" in params)
        try:
            # A site's root is below the empty prefix, too.
            root = claim.prefix == "" and req.method in ("GET", "HEAD")
            _, account, container, obj = (name or "" for name in req.split(3 if root else 4, 4))
        except ValueError:
            return _invalid()
        scope = await self._scope(req, claim, account, container, obj)
        if scope is None:
            return _invalid()
        if req.method in ("PUT", "POST") and (bad := next((n for n in FORBIDDEN if n in req.headers), None)):
            return plain(400, f"The header '{bad}' is not allowed in this tempurl")
        self._let_in(req, scope)
        if claim.prefix is not None:
            req.facts["tempurl.links"] = claim.prefix, _links(params)
        req.query = ""                          # nothing else in the URL was signed
        response = await self.app(req)
        if not obj and response.ok and not response.facts.get("static_web.listing"):
            await response.close()
            return _invalid()                   # it was signed as a site, and is none
        return self._dressed(req, response, claim, obj)

    async def _scope(self, req: Request, claim: Claim, account: str, container: str, obj: str) -> str | None:
        """Below which path the URL opens something; None when it opens nothing."""
        config = self.store.config.tempurl
        try:
            digest, given = parse(claim.signature)
            if digest not in config.allowed_digests or claim.moment < self.store.clock.now().timestamp():
                return None
        except (ValueError, binascii.Error):
            return None
        if claim.prefix is not None and not obj.startswith(claim.prefix):
            return None
        if claim.ip_range is not None and not _from(req.facts.get("client", ""), claim.ip_range):
            return None
        signed = f"prefix:/v1/{account}/{container}/{claim.prefix}" if claim.prefix is not None else req.path
        for method in ALSO.get(req.method, (req.method,)):
            if method not in config.methods:
                continue
            text = f"{method}\n{claim.moment}\n{signed}"
            message = (f"ip={claim.ip_range}\n{text}" if claim.ip_range is not None else text).encode("utf-8", "surrogateescape")
            async for key, scope in keys_of(self.store, account, container):
                if signs(key, given, message, digest):
                    return scope
        return None

    def _let_in(self, req: Request, scope: str) -> None:
        async def authorize(asked: Request) -> Response | None:
            path = "/" + asked.path.split("/", 2)[2] if asked.path.count("/") >= 2 else asked.path
            return None if path.startswith(scope) or path + "/" == scope else _invalid()

        req.headers = {n: v for n, v in req.headers.items() if n not in ("x-auth-token", "x-service-token", "x-storage-token")}
        req.who, req.authorize = None, authorize

    def _dressed(self, req: Request, response: Response, claim: Claim, obj: str) -> Response:
        response.headers = {n: v for n, v in response.headers.items() if not n.startswith(HIDDEN) or n.startswith(SHOWN)}
        if req.method not in ("GET", "HEAD") or not response.ok:
            return response
        if response.facts.get("static_web.listing"):
            claim = msgspec.structs.replace(claim, inline=True)
        known = response.header("content-disposition")
        if claim.inline:
            response.headers["content-disposition"] = _disposition("inline", claim.filename) if claim.filename else "inline"
        elif claim.filename is not None or not known:
            response.headers["content-disposition"] = _disposition("attachment", claim.filename or obj.rstrip("/").rpartition("/")[2])
        response.headers["expires"] = format_datetime(datetime.fromtimestamp(claim.moment, UTC), usegmt=True)
        return response


def _links(params: Mapping[str, str]) -> str:
    """What makes a link in a listing a URL of the same rights."""
    names = ("temp_url_prefix", "temp_url_expires", "temp_url_sig", "temp_url_ip_range")
    said = [f"{name}={quote(params[name])}" for name in names if name in params]
    return "?" + "&amp;".join([*said, *(["inline"] if "inline" in params else [])])


def _from(client: str, ip_range: str) -> bool:
    try:
        return ipaddress.ip_address(client) in ipaddress.ip_network(ip_range, strict=False)
    except ValueError:
        return False


def _disposition(kind: str, name: str) -> str:
    """A file's name for all browsers (RFC 6266): old ones read the first, new ones the second."""
    plain_name = name.replace("\\", "").replace('"', "%22").replace("\r", "").replace("\n", "")
    old, new = quote(plain_name, safe=" /%", errors="surrogateescape"), quote(name, errors="surrogateescape")
    return f"{kind}; filename=\"{old}\"; filename*=UTF-8''{new}"


def _invalid() -> Response:
    return plain(401, "401 Unauthorized: Temp URL invalid\n", {"www-authenticate": 'Swift realm="unknown"'})
