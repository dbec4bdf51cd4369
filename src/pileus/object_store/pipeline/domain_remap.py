"""Accounts and containers named by the host: CONTAINER.ACCOUNT.DOMAIN/OBJECT, for sites under names of their own.

A client keeps seeing the path that it asked for: redirections are told in its words. (Swift, "Domain Remap".)
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain


class DomainRemap(Feature):
    def info(self) -> dict[str, Any]:
        config = self.store.config.domain_remap
        return {"domain_remap": {"default_reseller_prefix": config.default_reseller_prefix or None}} if config.storage_domains else {}

    def wanted(self) -> bool:
        return bool(self.store.config.domain_remap.storage_domains)

    async def __call__(self, req: Request) -> Response:
        names = names_of(req.header("host"), self.store.config.domain_remap.storage_domains)
        if names is None:
            return await self.app(req)
        if len(names) > 2:
            return plain(400, "Bad domain in host header")
        account = self._account(names[-1])
        if account is None:
            return await self.app(req)
        asked, root = req.path, self.store.config.domain_remap.path_root
        path = asked.lstrip("/") if asked == "/" else asked[1:]
        if self.store.config.domain_remap.mangle_client_paths and (path + "/").startswith(f"{root}/"):
            path = path[len(root) + 1:]
        req.path = "/".join(["", root, account, *names[:-1], path])
        inner = quote(req.path, errors="surrogateescape")
        response = await self.app(req)
        if location := response.header("location"):
            response.headers["location"] = location.replace(inner, quote(asked, errors="surrogateescape"), 1)
        return response

    def _account(self, name: str) -> str | None:
        """The account of a host's name, in which prefixes lose their case and underscores are hyphens."""
        config = self.store.config.domain_remap
        if not config.reseller_prefixes:
            return name
        if "_" not in name:
            name = name.replace("-", "_", 1)
        prefix, _, rest = name.partition("_")
        for known in config.reseller_prefixes:
            if prefix.lower() == known.lower():
                return f"{known}_{rest}"
        return f"{config.default_reseller_prefix}_{name}" if config.default_reseller_prefix else None


def names_of(host: str, domains: Sequence[str]) -> list[str] | None:
    """What is before one of the domains; None when the host is in none of them."""
    host = host.rpartition(":")[0] or host if host.rpartition(":")[2].isdigit() else host
    for domain in domains:
        if host.endswith("." + domain.lstrip(".")):
            return host[: -len(domain.lstrip(".")) - 1].strip(".").split(".")
    return None


def is_remapped(scope: Mapping[str, Any], domains: Sequence[str]) -> bool:
    """Whether a request of ASGI's is the object store's by its host."""
    if not domains:
        return False
    host = next((value for name, value in scope["headers"] if name.lower() == b"host"), b"")
    return names_of(host.decode("latin-1"), domains) is not None
