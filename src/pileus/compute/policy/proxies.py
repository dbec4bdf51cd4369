"""Rules of the proxies of other services. Nova has none for images and their metadata, which it leaves to the image service:
`os_compute_api:images:*` and `os_compute_api:image-metadata:*` are ours."""

# SPDX-License-Identifier: Apache-2.0
from pileus.core.policy import Default

MEMBER = Default("rule:project_member_or_admin", ("project",))
READER = Default("rule:project_reader_or_admin", ("project",))
ANYBODY = Default("@", ("project",))

ADMIN = Default("rule:context_is_admin", ("project",))

READ = {
    "os-volumes": ("list", "detail", "show", "snapshots:list", "snapshots:detail", "snapshots:show"),
    "os-security-groups": ("get", "show", "list"),
    "os-floating-ips": ("list", "show"),
    "os-networks": ("list", "show"),
    "os-tenant-networks": ("list", "show"),
    "images": ("index", "detail", "show"),
    "image-metadata": ("index", "show"),
}
WRITE = {
    "os-volumes": ("create", "delete", "snapshots:create", "snapshots:delete"),
    "os-security-groups": ("create", "update", "delete", "rule:create", "rule:delete", "add", "remove"),
    "os-floating-ips": ("create", "delete", "add", "remove"),
    "os-multinic": ("add", "remove"),
    "images": ("delete",),
    "image-metadata": ("update_all", "create", "update", "delete"),
}
DEFAULTS = {
    "os_compute_api:os-floating-ip-pools": ANYBODY,
    "os_compute_api:os-baremetal-nodes:list": ADMIN,
    "os_compute_api:os-baremetal-nodes:show": ADMIN,
    "os_compute_api:removed": Default("@"),         # nothing is there that could be kept from anybody
} | {
    f"os_compute_api:{noun}:{verb}": rule
    for table, rule in ((READ, READER), (WRITE, MEMBER))
    for noun, verbs in table.items()
    for verb in verbs
}
