"""Where objects that will expire are queued: a hidden account, a container for each day, an object for each of them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

ACCOUNT = ".expiring_objects"
#: Seconds of one container of the queue.
SLOT = 86_400
#: The type of entries whose objects go whether they expire or not: as of the moment at which the entry was made.
DELETED_LATER = "application/async-deleted"


def container(delete_at: int) -> str:
    return f"{delete_at // SLOT * SLOT:010d}"


def entry(delete_at: int, account: str, container: str, obj: str) -> str:
    return f"{delete_at:010d}-{account}/{container}/{obj}"


def parse(name: str) -> tuple[int, str]:
    """When, and the path `/ACCOUNT/CONTAINER/OBJECT`. Raises ValueError."""
    at, _, path = name.partition("-")
    if path.count("/") < 2:
        raise ValueError(f"not an entry of the queue: {name}")
    return int(at), "/" + path
