"""Rules of usage reports and of the list of extensions."""

# SPDX-License-Identifier: Apache-2.0
from pileus.core.policy import Default

DEFAULTS = {
    "os_compute_api:os-simple-tenant-usage:show": Default("rule:project_reader_or_admin", ("project",)),
    "os_compute_api:os-simple-tenant-usage:list": Default("rule:context_is_admin", ("project",)),
    "os_compute_api:extensions": Default("@", ("project",)),
}
