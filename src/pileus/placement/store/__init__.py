"""What placement keeps, and the only SQL in it."""

# SPDX-License-Identifier: Apache-2.0
from pileus.placement.store.claims import Claims
from pileus.placement.store.names import Names
from pileus.placement.store.providers import Providers
from pileus.placement.store.stocks import Stocks

__all__ = ["Claims", "Names", "Providers", "Stocks"]
