"""Where Nova and Neutron have different words for the same trouble."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pileus.compute.errors import ComputeOverQuota
from pileus.core.errors import Conflict, Invalid
from pileus.network.errors import OverQuota


@contextmanager
def in_novas_words() -> Iterator[None]:
    """What Neutron calls a conflict (409) is a bad request (400) in Nova's proxies, and forbidden (403) when a quota is the reason."""
    try:
        yield
    except OverQuota as full:
        raise ComputeOverQuota(str(full)) from full
    except Conflict as refusal:
        raise Invalid(str(refusal)) from refusal
