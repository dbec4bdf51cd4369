"""Headers of requests as metadata of objects, and back."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping

from pileus.core.clock import Clock
from pileus.object_store.model.timestamp import http_date, normal
from pileus.object_store.storage.object.files import Found

#: Headers that are kept with an object besides those that begin with one of PREFIXES.
KEPT = frozenset({"content-disposition", "content-encoding", "content-language", "cache-control", "expires", "x-delete-at",
                  "x-object-manifest", "x-robots-tag", "x-static-large-object"})
PREFIXES = ("x-object-meta-", "x-object-transient-sysmeta-")
#: Belongs to the body: a POST does not touch it.
OF_BODY = "x-object-sysmeta-"


def kept_of(headers: Mapping[str, str], *, of_post: bool = False) -> dict[str, str]:
    """What a request's headers say that is to be kept."""
    prefixes = PREFIXES if of_post else (*PREFIXES, OF_BODY)
    return {name: value for name, value in headers.items()
            if name.startswith(prefixes) or (value and name in KEPT and not (of_post and name == "x-static-large-object"))}


def shown(found: Found) -> dict[str, str]:
    """The headers that say what an object is."""
    newest = max(found.timestamp, found.meta_timestamp)
    headers = {name: value for name, value in found.metadata.items() if name not in ("name", "content-length", "etag", "x-timestamp")}
    # An internal offset is nobody's business outside, but proxies compare with it.
    return headers | {"etag": found.metadata["etag"], "last-modified": http_date(newest), "x-timestamp": normal(newest),
                      "x-backend-timestamp": newest, "x-backend-data-timestamp": found.timestamp, "accept-ranges": "bytes",
                      "x-backend-durable-timestamp": found.timestamp}


def expired(metadata: Mapping[str, str], clock: Clock) -> bool:
    """Whether its time has come: it is gone for everybody but those who take it away."""
    at = metadata.get("x-delete-at", "")
    return at.isdigit() and int(at) <= clock.now().timestamp()
