"""Microversions of usage reports."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.http import Change

REPORTS = frozenset({"os_compute_api:os-simple-tenant-usage:list", "os_compute_api:os-simple-tenant-usage:show"})


def _unpaged(body: Any, req: Any) -> Any:
    body.pop("tenant_usages_links", None)
    body.pop("tenant_usage_links", None)
    return body


CHANGES = [Change(version=(2, 40), title="usage reports are paged", on=REPORTS, response=_unpaged)]
