"""Who the default rules speak of: Keystone's personas, as pieces of rules. `policy` and its neighbours are made of them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

#: Kinds of token a rule takes.
ANY = ("system", "domain", "project")
GLOBAL = ("system", "project")

ADMIN = "rule:admin_required"
SYSTEM_ADMIN = "(role:admin and system_scope:all)"
SYSTEM_READER = "(role:reader and system_scope:all)"
ADMIN_OR_READER = f"{ADMIN} or {SYSTEM_READER}"

#: rule → (who may, which scopes)
Rules = dict[str, tuple[str, tuple[str, ...] | None]]
