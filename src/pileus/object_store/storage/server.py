"""What storage servers have in common: the path, the device, and failures in words of HTTP.

A path is `/KIND/DEVICE/PARTITION/ACCOUNT[/CONTAINER[/OBJECT]]`; KIND is account, container or object, so that one port can
serve all three.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import errno
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from pileus.core.ids import Ids
from pileus.core.log import Log
from pileus.object_store.model import timestamp
from pileus.object_store.model.names import Hashing
from pileus.object_store.storage.device import Devices, DeviceUnavailable
from pileus.object_store.wire.message import Request, Response, Stop
from pileus.object_store.wire.status import plain

log = Log("pileus.object_store.storage")

#: What a device says that somebody else should be asked instead.
DEVICE_FAILS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ENODEV, errno.ENXIO, errno.EUCLEAN})

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
#: Said of a device that has no room, beside 507: what it has can be read still.
FULL = "x-backend-device-full"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a request is about, and where that is."""

    device: str
    root: Path
    partition: int
    account: str
    container: str | None
    object: str | None
    hash: str                                # of the database or object that this server keeps for it


class StorageServer:
    """A handler. Subclasses list their methods; each gets the request and its target."""

    kind: ClassVar[str]
    depth: ClassVar[int]                    # how many names of the path make up the hash: account 1, container 2, object 3

    def __init__(self, devices: Devices, hashing: Hashing, ids: Ids):
        self.devices, self.hashing, self.ids = devices, hashing, ids
        self.methods: Mapping[str, Callable[[Request, Target], Awaitable[Response]]] = {}

    def __call__(self, req: Request) -> Awaitable[Response]:
        return self.guarded(self._handled, req)

    def _handled(self, req: Request) -> Awaitable[Response]:
        method = self.methods.get(req.method)
        if method is None:
            raise Stop(plain(405, headers={"allow": ", ".join(sorted(self.methods))}))
        return method(req, self.target(req))

    async def guarded(self, function: Callable[..., Awaitable[Response]], *args: Any) -> Response:
        """The function's answer; failures of the device and of databases as answers, too."""
        try:
            return await function(*args)
        except Stop as stop:
            return stop.response
        except DeviceUnavailable:
            return plain(507)
        except sqlite3.OperationalError as problem:
            log.error("database failed", error=str(problem))
            return plain(507 if any(word in str(problem) for word in ("disk", "full", "unable to open")) else 503)
        except sqlite3.DatabaseError as damage:
            log.error("database damaged", error=str(damage))
            return plain(507)               # somebody else's is asked; the auditor puts this one away
        except OSError as problem:
            if problem.errno not in DEVICE_FAILS:
                raise
            log.error("device failed", error=str(problem))
            return plain(507, headers={FULL: "yes"} if problem.errno in NO_ROOM else None)

    def target(self, req: Request) -> Target:
        """Raises Stop for a path that is none."""
        parts = req.path.split("/", 6)[2:]
        try:
            device, partition, account = parts[0], int(parts[1]), parts[2]
        except (IndexError, ValueError):
            raise Stop(plain(400, "Invalid path")) from None
        container = parts[3] if len(parts) > 3 else None
        obj = parts[4] if len(parts) > 4 else None
        names = [account, container, obj][:self.depth]
        if not all(names):
            raise Stop(plain(400, "Invalid path"))
        return Target(device=device, root=self.devices.path(device), partition=partition, account=account, container=container,
                      object=obj, hash=self.hashing.hash(*names))  # type: ignore[arg-type]

    def run(self, target: Target, function: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Blocking work on the target's device."""
        return self.devices.threads_of(target.device).run(function, *args)


def stamp_of(req: Request, name: str = "x-timestamp") -> str:
    """A header's timestamp. Raises Stop when there is none."""
    try:
        return timestamp.parse(req.headers[name])
    except (KeyError, ValueError):
        raise Stop(plain(400, f"Missing or bad {name}")) from None


def number_of(req: Request, name: str, default: int = 0) -> int:
    try:
        return int(req.headers.get(name, default))
    except ValueError:
        raise Stop(plain(400, f"Bad {name}")) from None
