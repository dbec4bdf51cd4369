"""The default rules of what users log in with: application credentials, access rules, EC2 credentials, OAuth 1.0a."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.identity.personas import ADMIN, ADMIN_OR_READER, ANY, GLOBAL, Rules

_OWNER = "user_id:%(target.user.id)s"
_SEES = f"{ADMIN_OR_READER} or {_OWNER}"
_CHANGES = f"{ADMIN} or {_OWNER}"

RULES: Rules = {
    **{rule: (ADMIN, GLOBAL) for rule in ("authorize_request_token", "list_access_tokens", "get_access_token")},
    **{rule: (ADMIN, GLOBAL) for rule in ("list_access_token_roles", "get_access_token_role")},
    "delete_access_token": (_CHANGES, ANY),
    "revoke_tokens_for_user": (_CHANGES, ANY),
    "list_revoke_events": (f"{ADMIN} or rule:service_role", GLOBAL),
    "get_application_credential": (_SEES, ANY),
    "list_application_credentials": (_SEES, ANY),
    "create_application_credential": (_OWNER, ("project",)),
    "delete_application_credential": (_CHANGES, ANY),
    "ec2_get_credential": (_SEES, ANY),
    "ec2_list_credentials": (_SEES, ANY),
    "ec2_create_credential": (_CHANGES, ANY),
    "ec2_delete_credential": (_CHANGES, ANY),
    "validate_signature": (f"{ADMIN} or rule:service_role", ANY),
    "get_access_rule": (_SEES, ANY),
    "list_access_rules": (_SEES, ANY),
    "delete_access_rule": (_CHANGES, ANY),
}
