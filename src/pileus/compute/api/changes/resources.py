"""The microversions of everything that is not a server, oldest first."""

# SPDX-License-Identifier: Apache-2.0
from pileus.compute.api.changes import flavors, hosts, keypairs, quotas, server_groups, usage

CHANGES = sorted(
    [*flavors.CHANGES, *hosts.CHANGES, *keypairs.CHANGES, *quotas.CHANGES, *server_groups.CHANGES, *usage.CHANGES],
    key=lambda change: change.version,
)
