"""Lists of buckets. READ and WRITE are the lists that the container has in the store's own API, so that both APIs let in the same;
rights to the list itself are S3's alone, and kept beside them.

Such a list cannot let everybody write, which is refused, never left out: a bucket policy can. Where buckets belong to users (`s3_acl`)
S3's lists are all its own: a container's lists say nothing about its objects' owners.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.object_store.pipeline import acl as lists
from pileus.object_store.pipeline.auth import DOMAIN
from pileus.object_store.proxy.info import Info
from pileus.object_store.s3 import kept
from pileus.object_store.s3.acl import grants
from pileus.object_store.s3.acl.grants import EVERYBODY, READ, READ_ACP, WITH_TOKEN, WRITE, WRITE_ACP, Grant, Grants
from pileus.object_store.s3.call import Call
from pileus.object_store.s3.errors import S3Error

PUBLIC = ".r:*,.rlistings"
NAME = "acp"


def of_new(call: Call) -> tuple[dict[str, str], bool]:
    """Headers of a container that is to have the list that a request's headers ask for, and whether that lets anybody in."""
    wanted = grants.of_headers(call)
    return ({}, False) if wanted is None else (written(call, wanted), bool(wanted.grants))


def written(call: Call, wanted: Grants) -> dict[str, str]:
    """Headers of a container. Raises S3Error for what they cannot say."""
    if call.s3.s3_acl:                      # the lists of S3 and those of the container have nothing to do with each other
        whole = msgspec.json.encode(wanted) if wanted.grants else None
        return {"x-container-read": "", "x-container-write": ""} | kept.headers(NAME, whole)
    found: dict[str, list[str]] = {READ: [], WRITE: []}
    for grant in wanted.grants:
        if grant.group == EVERYBODY and grant.permission == WRITE:
            raise S3Error("NotImplemented", "An access list lets nobody write without a key; a bucket policy can.")
        if grant.permission in found:
            found[grant.permission].append({EVERYBODY: PUBLIC, WITH_TOKEN: "*:*"}.get(grant.group, grant.element))
    beside = msgspec.structs.replace(wanted, grants=tuple(g for g in wanted.grants if g.permission in (READ_ACP, WRITE_ACP)))
    headers = {"x-container-read": ",".join(found[READ]), "x-container-write": ",".join(found[WRITE])}
    headers |= {DOMAIN: wanted.domain} if wanted.domain else {}
    return headers | kept.headers(NAME, msgspec.json.encode(beside) if beside.grants else None)


def of_bucket(call: Call, info: Info) -> Grants:
    """What a bucket lets others do, as far as S3 has words for it."""
    document = kept.read(info, NAME)
    known = msgspec.json.decode(document, type=Grants) if document is not None else Grants()
    if call.s3.s3_acl:
        return known
    found: list[Grant] = []
    for permission, name in ((READ, "x-container-read"), (WRITE, "x-container-write")):
        allowed = lists.parse(info.headers.get(name))
        if "*" in allowed.referrers:
            found.append(Grant(permission=permission, group=EVERYBODY))
        for pair in allowed.others:
            project, colon, user = pair.partition(":")
            if (project, user) == ("*", "*"):
                found.append(Grant(permission=permission, group=WITH_TOKEN))
            elif colon and project != "*":
                found.append(Grant(permission=permission, who=project if user == "*" else pair))
    return Grants(grants=(*found, *known.grants), domain=info.sysmeta("container", "acl-domain"))
