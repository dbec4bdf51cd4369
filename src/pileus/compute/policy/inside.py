"""Who may look into servers, tell compute of what happened elsewhere, and read its own records."""

# SPDX-License-Identifier: Apache-2.0
from pileus.core.policy import Default

ADMIN = Default("rule:admin_required", ("project",))
READER = Default("rule:project_reader_or_admin", ("project",))
MEMBER = Default("rule:project_member_or_admin", ("project",))
MANAGER = Default("rule:admin_required or (role:manager and project_id:%(project_id)s)", ("project",))
SERVICE = Default("rule:admin_required or role:service", ("project",))

P = "os_compute_api:"
DEFAULTS = {
    P + "os-server-diagnostics": ADMIN,
    P + "os-server-password:show": READER,
    P + "os-server-password:clear": MEMBER,
    "compute:server:topology:index": READER,
    "compute:server:topology:host:index": ADMIN,
    P + "os-server-external-events:create": SERVICE,
    P + "os-migrations:index": MANAGER,
    P + "os-migrations:index:all_projects": ADMIN,
    P + "os-migrations:index:host": ADMIN,
    P + "os-assisted-volume-snapshots:create": SERVICE,
    P + "os-assisted-volume-snapshots:delete": SERVICE,
}
