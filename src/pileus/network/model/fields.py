"""What the attributes of all resources have in common."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

Text = Annotated[str, msgspec.Meta(max_length=255)]
ProjectId = Annotated[str, msgspec.Meta(max_length=255)]
Uuid = Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$")]
Tag = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
#: Whole numbers may come as text, as older clients send them.
Number = int | Annotated[str, msgspec.Meta(pattern=r"^-?\d{1,18}$")]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What every resource that can be named has: the standard attributes."""

    id: str
    project_id: str
    name: str = ""
    description: str = ""
    revision_number: int = 0
    created_at: datetime
    updated_at: datetime
    tags: tuple[str, ...] = ()


class Create(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be said of every new resource."""

    project_id: ProjectId | UnsetType = UNSET
    tenant_id: ProjectId | UnsetType = UNSET
    name: Text = ""
    description: Text = ""

    @property
    def owner(self) -> str | UnsetType:
        return self.tenant_id if self.project_id is UNSET else self.project_id


class Update(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Text | UnsetType = UNSET
    description: Text | UnsetType = UNSET


def given(order: msgspec.Struct, *names: str) -> dict[str, Any]:
    """Those of the named attributes that were given."""
    return {name: value for name in names if (value := getattr(order, name)) is not UNSET}
