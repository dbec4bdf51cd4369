"""Rules of services, hypervisors, hosts, aggregates and availability zones."""

# SPDX-License-Identifier: Apache-2.0
from pileus.core.policy import Default

ADMIN = Default("rule:context_is_admin", ("project",))
ANYBODY = Default("@", ("project",))

VERBS = {
    "os-services": ("list", "update", "delete"),
    "os-hypervisors": ("list", "list-detail", "statistics", "show", "uptime", "search", "servers"),
    "os-hosts": ("list", "show", "update", "reboot", "shutdown", "start"),
    "os-aggregates": ("index", "show", "create", "update", "delete", "add_host", "remove_host", "set_metadata"),
    "os-availability-zone": ("detail",),
}
DEFAULTS = {f"os_compute_api:{noun}:{verb}": ADMIN for noun, verbs in VERBS.items() for verb in verbs} | {
    "compute:aggregates:images": ADMIN,
    "os_compute_api:os-availability-zone:list": ANYBODY,
    "os_compute_api:os-aggregates:action": ANYBODY,  # each action enforces its own rule
}
