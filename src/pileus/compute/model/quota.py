"""What is limited per project, and what quota sets show though nothing limits it any more."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

UNLIMITED = -1

#: Limits that only older microversions know, with what they are unless an administrator set them.
LEGACY = {
    "injected_files": 5,
    "injected_file_content_bytes": 10240,
    "injected_file_path_bytes": 255,
    "floating_ips": UNLIMITED,
    "fixed_ips": UNLIMITED,
    "security_groups": UNLIMITED,
    "security_group_rules": UNLIMITED,
}

#: The quota class whose limits are everybody's defaults.
DEFAULT_CLASS = "default"


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """What an administrator set: for a project, one of its users, or a quota class (`class:NAME`)."""

    project_id: str
    user_id: str = ""
    resource: str
    limit: int


def over(limit: int, amount: int) -> bool:
    """Whether `amount` is more than the limit allows."""
    return limit != UNLIMITED and amount > limit
