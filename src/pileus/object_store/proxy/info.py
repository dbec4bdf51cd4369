"""What the proxy knows of accounts and containers without asking each time."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import OrderedDict

import msgspec

from pileus.core.clock import Clock

MOST = 10_000


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """An account or container as its servers showed it."""

    status: int
    headers: dict[str, str]

    @property
    def exists(self) -> bool:
        return 200 <= self.status < 300

    @property
    def policy(self) -> int:
        return int(self.headers.get("x-backend-storage-policy-index", 0))

    def meta(self, kind: str, name: str, default: str = "") -> str:
        """A piece of metadata that clients set."""
        return self.headers.get(f"x-{kind}-meta-{name}", default)

    def sysmeta(self, kind: str, name: str, default: str = "") -> str:
        """A piece of metadata that only features set."""
        return self.headers.get(f"x-{kind}-sysmeta-{name}", default)

    def number(self, name: str) -> int:
        text = self.headers.get(name, "0")
        return int(text) if text.isdigit() else 0


class InfoCache:
    def __init__(self, clock: Clock, keep_s: float):
        self.clock, self.keep_s = clock, keep_s
        self.known: OrderedDict[str, tuple[float, Info]] = OrderedDict()

    def get(self, path: str) -> Info | None:
        found = self.known.get(path)
        return found[1] if found is not None and self.clock.monotonic() - found[0] < self.keep_s else None

    def put(self, path: str, info: Info) -> None:
        """Absence is believed a tenth as long: what is missing is often made next."""
        since = self.clock.monotonic() - (0 if info.exists else 0.9 * self.keep_s)
        self.known[path] = since, info
        self.known.move_to_end(path)
        while len(self.known) > MOST:
            self.known.popitem(last=False)

    def forget(self, path: str) -> None:
        self.known.pop(path, None)
