"""What placement does: `providers.py` what there is, `claims.py` who holds it; `Placement` is both."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.kit import Kit
from pileus.placement.config import PlacementConfig
from pileus.placement.service.claims import Claims
from pileus.placement.service.providers import Providers


class Placement(Providers, Claims):
    def __init__(self, kit: Kit, config: PlacementConfig):
        Providers.__init__(self, kit)
        Claims.__init__(self, kit)
        self.config = config

    async def start(self) -> None:
        """Nothing to take up: all is in the database."""


__all__ = ["Placement"]
