"""The rules of everything that is not a server, under Nova's names with Nova's defaults."""

# SPDX-License-Identifier: Apache-2.0
from pileus.compute.policy import flavors, keypairs

DEFAULTS = {**flavors.DEFAULTS, **keypairs.DEFAULTS}
