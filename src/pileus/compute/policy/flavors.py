"""Rules of flavors. Nova lets every caller read them and has no rule for it: `os_compute_api:flavors:*` are ours."""

# SPDX-License-Identifier: Apache-2.0
from pileus.core.policy import Default

ADMIN = Default("rule:context_is_admin", ("project",))
READER = Default("rule:project_reader_or_admin", ("project",))
ANYBODY = Default("@")

DEFAULTS = {
    "os_compute_api:flavors:index": ANYBODY,
    "os_compute_api:flavors:detail": ANYBODY,
    "os_compute_api:flavors:show": ANYBODY,
    "os_compute_api:flavors:action": ANYBODY,  # each action enforces its own rule below
    "os_compute_api:os-flavor-manage:create": ADMIN,
    "os_compute_api:os-flavor-manage:update": ADMIN,
    "os_compute_api:os-flavor-manage:delete": ADMIN,
    "os_compute_api:os-flavor-access": ADMIN,
    "os_compute_api:os-flavor-access:add_tenant_access": ADMIN,
    "os_compute_api:os-flavor-access:remove_tenant_access": ADMIN,
    "os_compute_api:os-flavor-extra-specs:index": READER,
    "os_compute_api:os-flavor-extra-specs:show": READER,
    "os_compute_api:os-flavor-extra-specs:create": ADMIN,
    "os_compute_api:os-flavor-extra-specs:update": ADMIN,
    "os_compute_api:os-flavor-extra-specs:delete": ADMIN,
}
