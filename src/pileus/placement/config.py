"""Options of placement."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated

import msgspec


class PlacementConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[placement]"""

    max_candidates: Annotated[int, msgspec.Meta(ge=1)] = 1000       # allocation candidates in one answer at most
