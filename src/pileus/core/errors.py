"""The kinds of failure, and nothing else.

A service adds names and messages by subclassing a kind; the edge (`core.http`) turns an error into the service's own
envelope. `status` and `code` are API: a code is never used again for something else. `facts` are shown to the caller,
`detail` is only logged. An error crosses the bus as `code`, `facts` and `detail` and is raised as the same class on the other side.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any, ClassVar


class CloudError(Exception):
    """What went wrong, in the caller's terms."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    message: ClassVar[str] = "An unexpected error occurred."
    #: Whether the same call may succeed later, unchanged.
    temporary: ClassVar[bool] = False

    def __init__(self, text: str = "", *, detail: str = "", headers: dict[str, str] | None = None, **facts: Any):
        super().__init__(text or self.message.format(**facts))
        self.text, self.facts, self.detail, self.headers = text, facts, detail, headers or {}


class Invalid(CloudError):
    status, code, message = 400, "invalid", "The request is not valid."


class Unauthenticated(CloudError):
    status, code, message = 401, "unauthenticated", "The request you have made requires authentication."


class Forbidden(CloudError):
    status, code, message = 403, "forbidden", "You are not authorized to perform the requested action."


class PolicyForbids(Forbidden):
    code, message = "policy.forbids", "Policy doesn't allow {rule} to be performed."


class NotFound(CloudError):
    status, code, message = 404, "not_found", "The resource could not be found."


class MethodNotAllowed(CloudError):
    status, code, message = 405, "method_not_allowed", "The method is not allowed for this resource."


class NotAcceptable(CloudError):
    status, code, message = 406, "not_acceptable", "The requested version or media type is not supported."


class Conflict(CloudError):
    status, code, message = 409, "conflict", "The request conflicts with the current state of the resource."


class Gone(CloudError):
    status, code, message = 410, "gone", "The resource is gone."


class PreconditionFailed(CloudError):
    status, code, message = 412, "precondition_failed", "The resource was changed by somebody else."


class TooLarge(CloudError):
    status, code, message = 413, "too_large", "The request is too large."


class UnsupportedMedia(CloudError):
    status, code, message = 415, "unsupported_media", "The content type of the request is not supported."


class OverQuota(CloudError):
    """Compute and network say 403 or 409 for this: their subclasses set the status."""

    status, code, message = 413, "over_quota", "Quota exceeded for {resource}."


class NotImplementedHere(CloudError):
    """The API names it; this cloud does not offer it."""

    status, code, message = 501, "not_implemented", "The requested functionality is not supported."


class Unavailable(CloudError):
    status, code, message, temporary = 503, "unavailable", "The service is currently unavailable.", True


def every(kind: type[CloudError] = CloudError) -> dict[str, type[CloudError]]:
    """All error classes by code. Raises ValueError when two classes claim one code."""
    found = {kind.code: kind}
    for sub in kind.__subclasses__():
        for code, cls in every(sub).items():
            if found.setdefault(code, cls) is not cls:
                raise ValueError(f"error code {code} is used by {cls.__name__} and {found[code].__name__}")
    return found


def revive(code: str, facts: dict[str, Any], text: str, detail: str = "") -> CloudError:
    """The error that another process raised, as its own class here."""
    return every().get(code, CloudError)(text, detail=detail, **facts)
