"""The default rules of what users log in with: application credentials, access rules, EC2 credentials."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

ANY = ("system", "domain", "project")

_OWNER = "user_id:%(target.user.id)s"
_SEES = f"rule:admin_required or (role:reader and system_scope:all) or {_OWNER}"
_CHANGES = f"rule:admin_required or {_OWNER}"

#: rule → (who may, which scopes)
LOGINS: dict[str, tuple[str, tuple[str, ...] | None]] = {
    "get_application_credential": (_SEES, ANY),
    "list_application_credentials": (_SEES, ANY),
    "create_application_credential": (_OWNER, ("project",)),
    "delete_application_credential": (_CHANGES, ANY),
    "get_access_rule": (_SEES, ANY),
    "list_access_rules": (_SEES, ANY),
    "delete_access_rule": (_CHANGES, ANY),
}
