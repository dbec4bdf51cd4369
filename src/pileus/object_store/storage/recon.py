"""GET /recon/…: how this node and its daemons are doing, as JSON, for whoever watches the cluster.

Pages and figures have the names that Swift's middleware gives them, so that what watches Swift's nodes can watch these; beside them
`daemons` has all figures of every daemon.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from pileus import __version__
from pileus.core.clock import Clock
from pileus.object_store.storage.media import Media
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain

Figures = Mapping[str, Any]
#: What belongs to a run, beside what was done in it.
OF_RUNS = ("daemon", "seconds", "ended")


def _done(figures: Figures) -> dict[str, Any]:
    return {name: value for name, value in figures.items() if name not in OF_RUNS}


def _replication(figures: Figures) -> dict[str, Any]:
    return {"replication_time": figures.get("seconds"), "replication_last": figures.get("ended"),
            "replication_stats": _done(figures) or None}


def _objects_replication(figures: Figures) -> dict[str, Any]:
    minutes = figures["seconds"] / 60 if figures else None
    return _replication(figures) | {"object_replication_time": minutes, "object_replication_last": figures.get("ended")}


def _reconstruction(figures: Figures) -> dict[str, Any]:
    minutes = figures["seconds"] / 60 if figures else None
    return {"object_reconstruction_time": minutes, "object_reconstruction_last": figures.get("ended")}


def _objects_audit(figures: Figures) -> dict[str, Any]:
    return {"object_auditor_stats_ALL": dict(figures) or None, "object_auditor_stats_ZBF": None}


def _audit(kind: str) -> Callable[[Figures], dict[str, Any]]:
    def page(figures: Figures) -> dict[str, Any]:
        failed = figures.get("quarantined", 0)
        return {f"{kind}_audits_passed": figures.get("databases", 0) - failed, f"{kind}_audits_failed": failed,
                f"{kind}_audits_since": figures["ended"] - figures["seconds"] if figures else None,
                f"{kind}_auditor_pass_completed": figures.get("seconds")}

    return page


def _sweep(kind: str) -> Callable[[Figures], dict[str, Any]]:
    return lambda figures: {f"{kind}_updater_sweep": figures.get("seconds")}


def _expiry(figures: Figures) -> dict[str, Any]:
    return {"object_expiration_pass": figures.get("seconds"), "expired_last_pass": figures.get("expired", 0) if figures else None}


def _sharding(figures: Figures) -> dict[str, Any]:
    return {"sharding_time": figures.get("seconds"), "sharding_last": figures.get("ended"),
            "sharding_stats": _done(figures) or None}


#: Page → the daemon that it is about, and what it says.
OF_DAEMONS: dict[str, tuple[str, Callable[[Figures], dict[str, Any]]]] = {
    "replication/account": ("account-replicator", _replication), "replication/container": ("container-replicator", _replication),
    "replication/object": ("object-replicator", _objects_replication),
    "reconstruction/object": ("object-reconstructor", _reconstruction),
    "auditor/account": ("account-auditor", _audit("account")), "auditor/container": ("container-auditor", _audit("container")),
    "auditor/object": ("object-auditor", _objects_audit), "updater/container": ("container-updater", _sweep("container")),
    "updater/object": ("object-updater", _sweep("object")), "expirer/object": ("object-expirer", _expiry),
    "sharding": ("container-sharder", _sharding),
}


class Recon:
    """`rings`: the folder of the rings; None where they are not files."""

    def __init__(self, media: Media, clock: Clock, rings: Path | None = None):
        self.media, self.devices, self.clock, self.rings = media, media.devices, clock, rings
        self.pages = {"version": self.version, "diskusage": self.disk_usage, "unmounted": self.unmounted, "mounted": self.mounted,
                      "devices": self.names, "async": self.pending, "quarantined": self.quarantined, "ringmd5": self.ring_hashes,
                      "load": self.load, "mem": self.memory, "sockstat": self.sockets, "time": self.time, "daemons": self.daemons}

    async def __call__(self, req: Request) -> Response:
        name = req.path.removeprefix("/recon/")
        if name not in self.pages and name not in OF_DAEMONS:
            return plain(404)
        if req.method not in ("GET", "HEAD"):
            return plain(405, headers={"allow": "GET, HEAD"})
        found = self.pages[name]() if name in self.pages else self._of_daemon(*OF_DAEMONS[name])
        return Response(200, {"content-type": "application/json"}, msgspec.json.encode(found))

    def _of_daemon(self, daemon: str, page: Callable[[Figures], dict[str, Any]]) -> dict[str, Any]:
        return page(self.media.reported().get(daemon, {}))

    def version(self) -> dict[str, str]:
        return {"version": __version__}

    def time(self) -> float:
        return self.clock.now().timestamp()

    def disk_usage(self) -> list[dict[str, Any]]:
        found = []
        for name in self.devices.names():
            stat = os.statvfs(self.devices.root / name)
            size, free = stat.f_frsize * stat.f_blocks, stat.f_frsize * stat.f_bavail
            found.append({"device": name, "mounted": self._is_mounted(name), "size": size, "used": size - free, "avail": free})
        return found

    def unmounted(self) -> list[dict[str, Any]]:
        return [{"device": name, "mounted": False} for name in self.devices.names() if not self._is_mounted(name)]

    def mounted(self) -> list[dict[str, Any]]:
        return [{"device": name, "path": str(self.devices.root / name)} for name in self.devices.names() if self._is_mounted(name)]

    def _is_mounted(self, name: str) -> bool:
        return (self.devices.root / name).is_mount()

    def names(self) -> dict[str, list[str]]:
        return {str(self.devices.root): sorted(self.devices.names())}

    def pending(self) -> dict[str, int]:
        """Rows that object servers could not tell containers."""
        return {"async_pending": sum(len(self.media.pendings(name).names()) for name in self.devices.names())}

    def quarantined(self) -> dict[str, int]:
        return {kind: sum(1 for _ in self.devices.root.glob(f"*/quarantined/{kind}/*")) for kind in ("accounts", "containers",
                                                                                                     "objects")}

    def ring_hashes(self) -> dict[str, str]:
        """Whether all nodes have the same rings is seen by these."""
        paths = sorted(self.rings.glob("*.ring")) if self.rings is not None else []
        return {str(path): hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() for path in paths}

    def load(self) -> dict[str, Any]:
        found: dict[str, Any] = dict(zip(("1m", "5m", "15m"), os.getloadavg(), strict=True))
        running, last = Path("/proc/loadavg").read_text().split()[3:5]
        return found | {"tasks": running, "processes": int(last)}

    def memory(self) -> dict[str, str]:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def sockets(self) -> dict[str, int]:
        found = {}
        for line in Path("/proc/net/sockstat").read_text().splitlines():
            words = line.split()
            if words[0] == "TCP:":
                told = dict(zip(words[1::2], map(int, words[2::2]), strict=True))
                found = {"tcp_in_use": told["inuse"], "orphan": told["orphan"], "time_wait": told["tw"],
                         "tcp_mem_allocated_bytes": told["mem"] * os.sysconf("SC_PAGE_SIZE")}
        return found

    def daemons(self) -> dict[str, Any]:
        """The figures of every daemon's last run."""
        return self.media.reported()
