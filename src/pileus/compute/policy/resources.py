"""The rules of everything that is not a server, under Nova's names with Nova's defaults."""

# SPDX-License-Identifier: Apache-2.0
from pileus.compute.policy import flavors, hosts, keypairs, quotas, server_groups, usage

DEFAULTS = {
    rule: default for noun in (flavors, hosts, keypairs, quotas, server_groups, usage) for rule, default in noun.DEFAULTS.items()
}
