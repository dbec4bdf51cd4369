"""The microversions of everything that is not a server, oldest first."""

# SPDX-License-Identifier: Apache-2.0
from pileus.compute.api.changes import flavors, keypairs

CHANGES = sorted([*flavors.CHANGES, *keypairs.CHANGES], key=lambda change: change.version)
