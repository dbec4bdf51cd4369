"""Answers that only say how it went, in Swift's words."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from pileus.object_store.wire.message import Response

#: status → the sentence in its page
SENTENCES = {
    202: "The request is accepted for processing.",
    301: "The resource has moved permanently.",
    400: "The server could not comply with the request since it is either malformed or otherwise incorrect.",
    401: "This server could not verify that you are authorized to access the document you requested.",
    402: "Access was denied for financial reasons.",
    403: "Access was denied to this resource.",
    404: "The resource could not be found.",
    405: "The method is not allowed for this resource.",
    406: "The resource is not available in a format acceptable to your browser.",
    408: "The server has waited too long for the request to be sent by the client.",
    409: "There was a conflict when trying to complete your request.",
    410: "This resource is no longer available.",
    411: "Content-Length header required.",
    412: "A precondition for this request was not met.",
    413: "The body of your request was too large for this server.",
    414: "The request URI was too long for this server.",
    415: "The request media type is not supported by this server.",
    416: "The Range requested is not available.",
    417: "Expectation failed.",
    422: "Unable to process the contained instructions",
    499: "This request was cancelled by the client.",
    500: "The server has either erred or is incapable of performing the requested operation.",
    501: "The requested method is not implemented by this server.",
    502: "Bad gateway.",
    503: "The server is currently unavailable. Please try again at a later time.",
    504: "A timeout has occurred speaking to a backend server.",
    507: "There was not enough space to save the resource.",
}
#: What the standard library has no words for, or others than Swift.
REASONS = {413: "Request Entity Too Large", 416: "Requested Range Not Satisfiable", 422: "Unprocessable Entity",
           497: "Blacklisted",
           498: "Rate Limited", 499: "Client Disconnect", 503: "Service Unavailable", 507: "Insufficient Storage", 529: "Rate Limited"}


def reason(status: int) -> str:
    if status in REASONS:
        return REASONS[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def plain(status: int, text: str | None = None, headers: Mapping[str, str] | None = None) -> Response:
    """An answer with a short text: what is given, or the page of that status. 204 and 304 have none."""
    if text is None and status in SENTENCES:
        page = f"<html><h1>{reason(status)}</h1><p>{SENTENCES[status]}</p></html>"
        return Response(status, {"content-type": "text/html; charset=UTF-8", **(headers or {})}, page.encode())
    if text is None:
        return Response(status, {"content-type": "text/html; charset=UTF-8", **(headers or {})})
    return Response(status, {"content-type": "text/plain; charset=UTF-8", **(headers or {})}, text.encode("utf-8", "replace"))
