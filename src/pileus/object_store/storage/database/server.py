"""What account and container servers have in common."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, Generic, TypeVar

from pileus.core.ids import Ids
from pileus.object_store.model.names import Hashing
from pileus.object_store.storage.database import replicate
from pileus.object_store.storage.database.broker import Broker, Metadata
from pileus.object_store.storage.database.files import Databases
from pileus.object_store.storage.database.listing import Page
from pileus.object_store.storage.device import Devices
from pileus.object_store.storage.server import StorageServer, Target
from pileus.object_store.wire.message import ALLOWS_RESERVED, Request, Response, Stop, is_true
from pileus.object_store.wire.status import plain

B = TypeVar("B", bound=Broker)


class DatabaseServer(StorageServer, Generic[B]):
    def __init__(self, devices: Devices, databases: Databases[B], hashing: Hashing, ids: Ids):
        super().__init__(devices, hashing, ids)
        self.databases = databases

    def __call__(self, req: Request) -> Awaitable[Response]:
        return self.guarded(replicate.receive, self, req) if req.method == "REPLICATE" else super().__call__(req)

    def broker(self, target: Target) -> B:
        """Raises Absent."""
        return self.databases.get(target.root, target.partition, target.hash)

    def create(self, target: Target, at: str, policy: int = 0) -> B:
        return self.databases.create(target.root, target.partition, target.hash, account=target.account,
                                     container=(target.container or "") if self.depth > 1 else "", timestamp=at,
                                     id=self.ids.uuid(), policy=policy)

    def metadata(self, req: Request, at: str, more: tuple[str, ...] = ()) -> Metadata:
        """What a request says about the metadata: names in lower case, an empty value deletes."""
        kinds = (f"x-{self.kind}-meta-", f"x-{self.kind}-sysmeta-")
        return {name: (value, at) for name, value in req.headers.items() if name.startswith(kinds) or name in more}


def visible(metadata: Metadata) -> Mapping[str, str]:
    return {name: value for name, (value, _) in metadata.items() if value != ""}


def page_of(req: Request, most: int) -> Page:
    """The page that a query asks for. Raises Stop."""
    params = req.params
    text = params.get("limit", "")
    limit = int(text) if text.isascii() and text.isdigit() else most        # what is no number means nothing
    if limit > most:
        raise Stop(plain(412, f"Maximum limit is {most}"))
    reverse = is_true(params.get("reverse", ""))
    return Page(limit=limit, marker=params.get("marker", ""), end_marker=params.get("end_marker", ""), prefix=params.get("prefix", ""),
                delimiter=params.get("delimiter", ""), path=params.get("path"), reverse=reverse,
                reserved=is_true(req.header(ALLOWS_RESERVED)))


def timestamps(info: Mapping[str, Any]) -> dict[str, str]:
    return {"x-timestamp": info["created_at"], "x-put-timestamp": info["put_timestamp"],
            "x-backend-timestamp": info["created_at"], "x-backend-put-timestamp": info["put_timestamp"],
            "x-backend-delete-timestamp": info["delete_timestamp"], "x-backend-status-changed-at": info["status_changed_at"]}
