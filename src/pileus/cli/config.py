"""`pileus config`: the reference of all options, made from the classes that hold them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.config import CloudConfig
from pileus.core.config import describe


def config() -> None:
    """Print the reference of all configuration options."""
    print("# Configuration\n\nOne TOML file: `DIR/pileus.toml`, or the one named by `pileus up --config`.\n\n" + describe(CloudConfig))
