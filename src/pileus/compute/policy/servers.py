"""Who may do what with servers: upstream's rule names and personas."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.policy import Default

ADMIN = "rule:admin_required"
READER = "rule:admin_required or (role:reader and project_id:%(project_id)s)"
MEMBER = "rule:admin_required or (role:member and project_id:%(project_id)s)"
MANAGER = "rule:admin_required or (role:manager and project_id:%(project_id)s)"
PREFIX = "os_compute_api:"

RULES = {
    READER: ["servers:index", "servers:detail", "servers:show", "server-metadata:index", "server-metadata:show", "os-server-tags:index",
             "os-server-tags:show", "ips:index", "ips:show", "os-attach-interfaces:list", "os-attach-interfaces:show",
             "os-instance-actions:list", "os-instance-actions:show", "os-flavor-extra-specs:index", "servers:show:flavor-extra-specs",
             "os-volumes-attachments:index", "os-volumes-attachments:show", "os-server-shares:index", "os-server-shares:show"],
    MEMBER: ["servers:create", "servers:update", "servers:delete", "servers:start", "servers:stop", "servers:reboot",
             "server-metadata:update_all", "server-metadata:create", "server-metadata:update", "server-metadata:delete",
             "os-server-tags:update_all", "os-server-tags:delete_all", "os-server-tags:update", "os-server-tags:delete",
             "os-attach-interfaces:create", "os-attach-interfaces:delete",
             "os-pause-server:pause", "os-pause-server:unpause", "os-suspend-server:suspend", "os-suspend-server:resume",
             "os-lock-server:lock", "os-lock-server:unlock", "os-console-output", "os-deferred-delete:force", "os-deferred-delete:restore",
             "servers:create_image", "os-create-backup", "servers:rebuild", "servers:rebuild:trusted_certs", "servers:resize",
             "servers:confirm_resize", "servers:revert_resize", "os-rescue", "os-unrescue", "os-shelve:shelve", "os-shelve:unshelve",
             "servers:trigger_crash_dump", "os-admin-password", "os-remote-consoles", "servers:create:attach_network",
             "servers:create:trusted_certs", "os-volumes-attachments:create", "os-volumes-attachments:update",
             "os-volumes-attachments:delete", "os-server-shares:create", "os-server-shares:delete"],
    ADMIN: ["servers:allow_all_filters", "servers:create:zero_disk_flavor", "servers:migrations:index:host", "servers:migrations:show",
            "servers:show:host_status:unknown-only", "os-instance-actions:events:details", "os-lock-server:unlock:unlock_override",
            "servers:index:get_all_tenants", "servers:detail:get_all_tenants", "servers:create:forced_host", "servers:show:host_status",
            "os-extended-server-attributes", "os-admin-actions:reset_state", "os-admin-actions:reset_network",
            "os-admin-actions:inject_network_info", "os-instance-actions:events", "os-console-auth-tokens",
            "os-shelve:shelve_offload", "os-shelve:unshelve_to_host",
            "os-migrate-server:migrate:host", "os-migrate-server:migrate_live:host", "os-evacuate"],
    MANAGER: ["os-migrate-server:migrate", "os-migrate-server:migrate_live", "servers:migrations:index",
              "servers:migrations:force_complete", "servers:migrations:delete"],
}
DEFAULTS: dict[str, Default] = {PREFIX + name: Default(rule, ("project",)) for rule, names in RULES.items() for name in names} | {
    "compute:servers:create:requested_destination": Default(ADMIN, ("project",)),
    # The rule of the action itself is enforced when the body is known.
    "compute:server_action": Default("@", ("project",), "Any action; each has a rule of its own."),
}
