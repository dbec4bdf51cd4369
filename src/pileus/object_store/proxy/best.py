"""Of many answers, the one that the client gets. Pure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping, Sequence

from pileus.object_store.wire.message import Response
from pileus.object_store.wire.status import plain


def quorum(replicas: int) -> int:
    """How many replicas have to agree."""
    return (replicas + 1) // 2


def best(answers: Sequence[Response], replicas: int, overrides: Mapping[int, int] | None = None, need: int | None = None) -> Response:
    """The answer that a quorum gave: of 2xx, 3xx or 4xx, the highest status of that hundred. 503 when there is no quorum.

    `overrides`: statuses that count as others where the others decide (404 of one replica after 204 of another, say).
    """
    need = quorum(replicas) if need is None else need
    for counted in ({}, overrides or {}):
        statuses = [counted.get(a.status, a.status) for a in answers]
        for hundred in (200, 300, 400):
            alike = [s for s in statuses if hundred <= s < hundred + 100]
            if len(alike) >= need:
                status = max(alike)
                chosen = next(a for a, s in zip(answers, statuses, strict=True) if s == status)
                return chosen if chosen.status == status else plain(status)
    return plain(503)
