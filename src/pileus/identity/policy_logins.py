"""The default rules of what users log in with: application credentials, access rules, EC2 credentials, OAuth 1.0a."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.identity.personas import ADMIN, ADMIN_OR_READER, ANY, GLOBAL, SYSTEM_ADMIN, SYSTEM_READER, Rules

_OWNER = "user_id:%(target.user.id)s"
_SEES = f"{ADMIN_OR_READER} or {_OWNER}"
_CHANGES = f"{ADMIN} or {_OWNER}"
#: Keys do all their user may, so who only reads makes none.
_CHANGES_KEYS = f"{ADMIN} or (role:member and {_OWNER})"

RULES: Rules = {
    **{rule: (ADMIN, GLOBAL) for rule in ("authorize_request_token", "list_access_tokens", "get_access_token")},
    **{rule: (ADMIN, GLOBAL) for rule in ("list_access_token_roles", "get_access_token_role")},
    "delete_access_token": (_CHANGES, ANY),
    "revoke_tokens_for_user": (_CHANGES, ANY),
    "list_revoke_events": (f"{ADMIN} or rule:service_role", GLOBAL),
    "get_application_credential": (_SEES, GLOBAL),
    "list_application_credentials": (_SEES, GLOBAL),
    "create_application_credential": (_OWNER, ("project",)),
    "delete_application_credential": (_CHANGES, GLOBAL),
    "ec2_get_credential": (_SEES, GLOBAL),
    "ec2_list_credentials": (_SEES, GLOBAL),
    "ec2_create_credential": (_CHANGES_KEYS, GLOBAL),
    "ec2_delete_credential": (_CHANGES_KEYS, GLOBAL),
    "ec2tokens_validate": (f"{ADMIN} or rule:service_role", ANY),
    "s3tokens_validate": (f"{ADMIN} or rule:service_role", ANY),
    "get_access_rule": (f"{SYSTEM_READER} or {_OWNER}", GLOBAL),
    "list_access_rules": (f"{SYSTEM_READER} or {_OWNER}", GLOBAL),
    "delete_access_rule": (f"{SYSTEM_ADMIN} or {_OWNER}", GLOBAL),
}
