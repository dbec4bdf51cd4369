"""What a feature is."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.clock import Clock
from pileus.core.ids import Ids
from pileus.object_store.config import ObjectStoreConfig
from pileus.object_store.model.names import Hashing
from pileus.object_store.pipeline.identity import Identify, Signers
from pileus.object_store.proxy.info import Info
from pileus.object_store.proxy.proxy import Proxy
from pileus.object_store.wire.message import Handler, Request, Response


class Store:
    """What features share. `pipeline` is the whole of them, for requests that have to pass all features again."""

    def __init__(self, config: ObjectStoreConfig, proxy: Proxy, clock: Clock, ids: Ids, identify: Identify | None = None,
                 signers: Signers | None = None, hashing: Hashing | None = None):
        self.config, self.proxy, self.clock, self.ids, self.identify, self.signers = config, proxy, clock, ids, identify, signers
        self.hashing = hashing or Hashing()              # the cluster's salt: a secret that all its proxies share
        self.pipeline: Handler = proxy
        self.features: dict[str, Feature] = {}      # by the name of their class, for daemons that work through one
        self.told: dict[str, Any] = {}      # what /info says of features

    async def account_info(self, account: str) -> Info:
        return await self.proxy.account_info(account)

    async def container_info(self, account: str, container: str) -> Info:
        return await self.proxy.container_info(account, container)


class Feature:
    """A handler around another: `self.app` is what is further in.

    A feature may answer by itself, change the request, ask `self.app` for other things (`req.child`), change the answer or
    wrap its body. Sub-requests that need features further out go to `self.store.pipeline`.
    """

    def __init__(self, app: Handler, store: Store):
        self.app, self.store = app, store

    def info(self) -> dict[str, Any]:
        """What /info tells of it, by the feature's name."""
        return {}

    def wanted(self) -> bool:
        """Whether the configuration leaves it anything to do: else requests do not pass it."""
        return True

    def concerns(self, req: Request) -> bool:
        """Whether it has anything to do with this request: else that goes past it. Asked each time, so it has to be quick."""
        return True

    async def __call__(self, req: Request) -> Response:
        return await self.app(req)
