"""What Nova answered for the network and image services before clients spoke to those themselves: for clients at old
microversions. Each handler asks the service that owns the resource, whose own rules are enforced besides compute's, so that
nobody gets through here what is refused there.
"""

# SPDX-License-Identifier: Apache-2.0
from pileus.compute.api.proxies import (
    baremetal,
    floating_ips,
    image_metadata,
    images,
    networks,
    security_group_rules,
    security_groups,
    volumes,
)

ROUTES = [
    *security_groups.ROUTES,
    *security_group_rules.ROUTES,
    *floating_ips.ROUTES,
    *networks.ROUTES,
    *images.ROUTES,
    *image_metadata.ROUTES,
    *volumes.ROUTES,
    *baremetal.ROUTES,
]
