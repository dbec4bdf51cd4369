"""Rules of server groups."""

# SPDX-License-Identifier: Apache-2.0
from pileus.core.policy import Default

ADMIN = Default("rule:context_is_admin", ("project",))
MEMBER = Default("rule:project_member_or_admin", ("project",))
READER = Default("rule:project_reader_or_admin", ("project",))

DEFAULTS = {
    "os_compute_api:os-server-groups:create": MEMBER,
    "os_compute_api:os-server-groups:delete": MEMBER,
    "os_compute_api:os-server-groups:index": READER,
    "os_compute_api:os-server-groups:index:all_projects": ADMIN,
    "os_compute_api:os-server-groups:show": READER,
}
