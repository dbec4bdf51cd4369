"""Rules of usage reports and audits, and of the list of extensions."""

# SPDX-License-Identifier: Apache-2.0
from pileus.core.policy import Default

DEFAULTS = {
    "os_compute_api:os-simple-tenant-usage:show": Default("rule:project_reader_or_admin", ("project",)),
    "os_compute_api:os-simple-tenant-usage:list": Default("rule:context_is_admin", ("project",)),
    "os_compute_api:os-instance-usage-audit-log:list": Default("rule:admin_required", ("project",)),
    "os_compute_api:os-instance-usage-audit-log:show": Default("rule:admin_required", ("project",)),
    "os_compute_api:extensions": Default("@", ("project",)),
}
