"""Neutron's error envelope: the name of what happened, and a sentence."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core import errors
from pileus.core.http import Request

#: What the kit's own kinds are called here.
TYPES = {
    errors.Invalid: "HTTPBadRequest",
    errors.Forbidden: "HTTPForbidden",
    errors.PolicyForbids: "PolicyNotAuthorized",
    errors.NotFound: "HTTPNotFound",
    errors.MethodNotAllowed: "HTTPMethodNotAllowed",
    errors.Conflict: "HTTPConflict",
    errors.TooLarge: "HTTPRequestEntityTooLarge",
    errors.UnsupportedMedia: "HTTPUnsupportedMediaType",
    errors.Unavailable: "HTTPServiceUnavailable",
    errors.CloudError: "HTTPInternalServerError",
}


def render(error: errors.CloudError, req: Request) -> tuple[dict[str, str], Any]:
    if error.status == 401:
        # What keystonemiddleware says, before Neutron has a say.
        return {}, {
            "error": {"code": 401, "title": "Unauthorized", "message": "The request you have made requires authentication."}
        }
    kind = TYPES.get(type(error), type(error).__name__)
    text = f"rule:{error.facts['rule']} is disallowed by policy" if isinstance(error, errors.PolicyForbids) else str(error)
    return {}, {"NeutronError": {"type": kind, "message": text, "detail": ""}}
