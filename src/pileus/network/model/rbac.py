"""RBAC policies: sharing one network with one project, or with all."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from pileus.network.model.fields import ProjectId, Uuid

SHARED, EXTERNAL = "access_as_shared", "access_as_external"


class RbacPolicy(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    project_id: str
    object_type: str
    object_id: str
    action: str
    target_tenant: str                      # a project's id, or * for everyone


class RbacCreate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    project_id: ProjectId | UnsetType = UNSET
    tenant_id: ProjectId | UnsetType = UNSET
    object_type: Literal["network"]
    object_id: Uuid
    action: Literal["access_as_shared", "access_as_external"]
    target_tenant: ProjectId | UnsetType = UNSET
    target_project: ProjectId | UnsetType = UNSET

    @property
    def owner(self) -> str | UnsetType:
        return self.tenant_id if self.project_id is UNSET else self.project_id


class RbacUpdate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    target_tenant: ProjectId | UnsetType = UNSET
    target_project: ProjectId | UnsetType = UNSET
