"""What services refuse that hold HTTP to its word: media types other than JSON, methods that a path does not have."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core import errors
from pileus.core.http.request import Request
from pileus.core.http.route import Route

_JSON = frozenset({"application/json", "application/*", "*/*"})


def check_accept(req: Request) -> None:
    """Raise NotAcceptable for a client that takes no JSON."""
    wanted = req.header("accept")
    if wanted and not any(part.partition(";")[0].strip() in _JSON for part in wanted.split(",")):
        raise errors.NotAcceptable("Only application/json is provided")


def check_content_type(req: Request) -> None:
    """Raise Invalid or UnsupportedMedia for a body that does not say that it is JSON."""
    length, kind = req.header("content-length"), req.header("content-type")
    if length and int(length) and kind is None:
        raise errors.Invalid("content-type header required when content-length > 0")
    if (kind or "").partition(";")[0].strip() != "application/json":
        raise errors.UnsupportedMedia(f"The media type {kind} is not supported, use application/json")


def method_not_allowed(method: str, routes: dict[str, list[Route]]) -> errors.MethodNotAllowed:
    """The refusal, with the methods that there are."""
    allowed = ", ".join(sorted(name for name in routes if name != "HEAD"))
    return errors.MethodNotAllowed(f"The method {method} is not allowed for this resource.", headers={"allow": allowed})
