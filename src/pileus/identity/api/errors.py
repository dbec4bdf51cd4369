"""Keystone's envelope of an error."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pileus.core.errors import CloudError, PolicyForbids
from pileus.core.http import Request
from pileus.identity.errors import MethodNotSupported, MoreProofs, OAuth2InvalidClient, OAuth2InvalidRequest, OAuth2UnsupportedGrant


def render(error: CloudError, req: Request) -> tuple[dict[str, str], Any]:
    if isinstance(error, MoreProofs):
        return {}, {"receipt": error.facts["receipt"], "required_auth_methods": error.facts["required"]}
    message = str(error)
    if isinstance(error, (OAuth2InvalidClient, OAuth2InvalidRequest, OAuth2UnsupportedGrant)):
        return {"cache-control": "no-store"}, {"error": error.oauth, "error_description": message}  # as RFC 6749 has it
    if isinstance(error, PolicyForbids):
        message = f"You are not authorized to perform the requested action: {error.facts['rule']}."
    said: dict[str, Any] = {"code": error.status, "title": HTTPStatus(error.status).phrase, "message": message}
    if isinstance(error, MethodNotSupported):
        said["identity"] = {"methods": error.facts["methods"]}
    return {}, {"error": said}
