"""Paths that a request, and whatever it leads to, may touch though the caller has no right of his own to them.

A feature that has looked at rights of its own kind (bucket policies, lists of single objects) names just those. Everything else
that such a request leads to (a link, the parts of a manifest) is asked for as ever: nobody reads by them what he may not.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.object_store.wire.message import Request

#: A fact of requests: what was granted.
GRANTED = "auth.granted"


class Granted(msgspec.Struct, frozen=True):
    """`below`: what paths may begin with; `paths`: whole ones."""

    paths: tuple[str, ...] = ()
    below: tuple[str, ...] = ()

    def __or__(self, other: Granted) -> Granted:
        return Granted(self.paths + other.paths, self.below + other.below)


def is_granted(req: Request) -> bool:
    granted: Granted | None = req.facts.get(GRANTED)
    return granted is not None and (req.path in granted.paths or req.path.startswith(granted.below))
