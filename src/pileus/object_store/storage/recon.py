"""GET /recon/…: how this node and its daemons are doing, as JSON, for whoever watches the cluster."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from pileus import __version__
from pileus.object_store.storage.media import Media
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain


class Recon:
    def __init__(self, media: Media):
        self.media, self.devices = media, media.devices
        self.pages = {"version": self.version, "diskusage": self.disk_usage, "unmounted": self.unmounted, "async": self.pending,
                      "quarantined": self.quarantined, "load": self.load, "mem": self.memory, "daemons": self.daemons}

    async def __call__(self, req: Request) -> Response:
        page = self.pages.get(req.path.removeprefix("/recon/"))
        if page is None:
            return plain(404)
        if req.method not in ("GET", "HEAD"):
            return plain(405, headers={"allow": "GET, HEAD"})
        return Response(200, {"content-type": "application/json"}, msgspec.json.encode(page()))

    def version(self) -> dict[str, str]:
        return {"version": __version__}

    def disk_usage(self) -> list[dict[str, Any]]:
        found = []
        for name in self.devices.names():
            stat = os.statvfs(self.devices.root / name)
            size, free = stat.f_frsize * stat.f_blocks, stat.f_frsize * stat.f_bavail
            mounted = (self.devices.root / name).is_mount()
            found.append({"device": name, "mounted": mounted, "size": size, "used": size - free, "avail": free})
        return found

    def unmounted(self) -> list[dict[str, Any]]:
        return [{"device": name, "mounted": False} for name in self.devices.names() if not (self.devices.root / name).is_mount()]

    def pending(self) -> dict[str, int]:
        """Rows that object servers could not tell containers."""
        return {"async_pending": sum(len(self.media.pendings(name).names()) for name in self.devices.names())}

    def quarantined(self) -> dict[str, int]:
        return {kind: sum(1 for _ in self.devices.root.glob(f"*/quarantined/{kind}/*")) for kind in ("accounts", "containers", "objects")}

    def load(self) -> dict[str, float]:
        return dict(zip(("1m", "5m", "15m"), os.getloadavg(), strict=True))

    def memory(self) -> dict[str, str]:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def daemons(self) -> dict[str, Any]:
        """The figures of every daemon's last run."""
        return self.media.reported()
