"""Who may do what in compute, one file per noun."""

# SPDX-License-Identifier: Apache-2.0
from pileus.compute.policy import inside, proxies, resources, servers

DEFAULTS = {**resources.DEFAULTS, **servers.DEFAULTS, **proxies.DEFAULTS, **inside.DEFAULTS}
