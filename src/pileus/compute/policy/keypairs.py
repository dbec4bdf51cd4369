"""Rules of key pairs."""

# SPDX-License-Identifier: Apache-2.0
from pileus.core.policy import Default

OWN = Default("(rule:context_is_admin) or user_id:%(user_id)s", ("project",))

DEFAULTS = {f"os_compute_api:os-keypairs:{verb}": OWN for verb in ("index", "show", "create", "delete")}
