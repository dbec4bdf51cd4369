"""Rules of limits and quotas."""

# SPDX-License-Identifier: Apache-2.0
from pileus.core.policy import Default

ADMIN = Default("rule:context_is_admin", ("project",))
READER = Default("rule:project_reader_or_admin", ("project",))
ANYBODY = Default("@", ("project",))

DEFAULTS = {
    "os_compute_api:limits": ANYBODY,
    "os_compute_api:limits:other_project": ADMIN,
    "os_compute_api:os-quota-sets:show": READER,
    "os_compute_api:os-quota-sets:detail": READER,
    "os_compute_api:os-quota-sets:defaults": ANYBODY,
    "os_compute_api:os-quota-sets:update": ADMIN,
    "os_compute_api:os-quota-sets:delete": ADMIN,
    "os_compute_api:os-quota-class-sets:show": ADMIN,
    "os_compute_api:os-quota-class-sets:update": ADMIN,
}
