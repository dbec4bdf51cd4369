"""Access lists: S3's grants as the lists that a container has in the store's own API, which is what decides.

What those lists cannot say is refused, never left out: rights to single objects, to lists themselves, and of everybody to
write. A grantee is a project, as owners are.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from pileus.object_store.pipeline import acl as lists
from pileus.object_store.s3 import views, xml
from pileus.object_store.s3.call import Call, answer
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.names import segments
from pileus.object_store.wire.message import Response

HEADER = "x-amz-acl"
EVERYBODY = "http://acs.amazonaws.com/groups/global/AllUsers"
WITH_TOKEN = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
READ, WRITE, ALL = "READ", "WRITE", "FULL_CONTROL"
PERMISSIONS = (READ, WRITE, ALL, "READ_ACP", "WRITE_ACP")
GRANT_HEADERS = {"x-amz-grant-read": READ, "x-amz-grant-write": WRITE, "x-amz-grant-full-control": ALL,
                 "x-amz-grant-read-acp": "READ_ACP", "x-amz-grant-write-acp": "WRITE_ACP"}
PUBLIC = ".r:*,.rlistings"


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    permission: str
    group: str = ""
    project: str = ""


#: Canned lists: name → grants besides the owner's.
CANNED: dict[str, tuple[Grant, ...]] = {
    "private": (), "public-read": (Grant(permission=READ, group=EVERYBODY),),
    "public-read-write": (Grant(permission=READ, group=EVERYBODY), Grant(permission=WRITE, group=EVERYBODY)),
    "authenticated-read": (Grant(permission=READ, group=WITH_TOKEN),),
}
#: Say what is so anyway.
OF_THE_OWNER = ("bucket-owner-read", "bucket-owner-full-control")
OTHERS = ("log-delivery-write", "aws-exec-read")


async def show(call: Call) -> Response:
    if call.key:
        found = await call.ask("HEAD", call.bucket, call.key)
        if not found.ok:
            raise await call.error(found, call.bucket, call.key)
        return _shown(call, [])
    headers = (await call.done("HEAD", call.bucket)).headers
    return _shown(call, _grants(headers.get("x-container-read", ""), headers.get("x-container-write", "")))


async def change(call: Call) -> Response:
    """A canned list, grants in headers, or a document; of an object only what it has anyway."""
    info = await call.bucket_info()
    body = await call.read_body()
    if call.key:
        found = await call.ask("HEAD", call.bucket, call.key)
        if not found.ok:
            raise await call.error(found, call.bucket, call.key)
    headers = of_headers(call)
    if headers is not None and body.strip():
        raise S3Error("InvalidRequest", "Specifying both Canned ACLs or header grants and a document is not allowed")
    if headers is None:
        if not body.strip():
            raise S3Error("MissingSecurityHeader", MissingHeaderName=HEADER)
        headers = written(_parsed(call, body))
    if call.key:
        _check_of_object(headers)
        return Response(200)
    await call.done("POST", call.bucket, headers=headers)
    if info.exists and (await call.info(segments(call.bucket))).exists:
        await call.done("POST", segments(call.bucket), headers=headers)
    return Response(200)


def of_headers(call: Call) -> dict[str, str] | None:
    """The lists that a request's headers ask for; None when they say nothing. Raises S3Error."""
    canned = call.header(HEADER)
    given = [(permission, call.header(name)) for name, permission in GRANT_HEADERS.items() if name in call.req.headers]
    if canned and given:
        raise S3Error("InvalidRequest", "Specifying both Canned ACLs and Header Grants is not allowed")
    if given:
        return written(grant for permission, text in given for grant in _of_text(permission, text))
    if not canned:
        return None
    if canned in OTHERS:
        raise S3Error("NotImplemented")
    if canned not in CANNED and canned not in OF_THE_OWNER:
        raise S3Error("InvalidArgument", ArgumentName=HEADER, ArgumentValue=canned)
    return written(CANNED.get(canned, ()))


def check_object(call: Call) -> None:
    """Raises S3Error when a request wants a list of an object's own."""
    if (headers := of_headers(call)) is not None:
        _check_of_object(headers)


def _check_of_object(headers: dict[str, str]) -> None:
    if any(headers.values()):
        raise S3Error("NotImplemented", "Access lists are a bucket's, not an object's.")


def written(grants: Iterable[Grant]) -> dict[str, str]:
    """Headers of a container. Raises S3Error for what they cannot say."""
    read: list[str] = []
    write: list[str] = []
    for grant in grants:
        if grant.permission not in (READ, WRITE):
            raise S3Error("NotImplemented", f"{grant.permission} can only be the owner's.")
        who = {EVERYBODY: PUBLIC, WITH_TOKEN: "*:*"}.get(grant.group, f"{grant.project}:*")
        if grant.group == EVERYBODY and grant.permission == WRITE:
            raise S3Error("NotImplemented", "Nobody writes without a key.")
        (read if grant.permission == READ else write).append(who)
    return {"x-container-read": ",".join(dict.fromkeys(read)), "x-container-write": ",".join(dict.fromkeys(write))}


def _grants(read: str, write: str) -> list[Grant]:
    """What lists let others do, as far as S3 has words for it."""
    found: list[Grant] = []
    for permission, text in ((READ, read), (WRITE, write)):
        allowed = lists.parse(text)
        if "*" in allowed.referrers:
            found.append(Grant(permission=permission, group=EVERYBODY))
        for pair in allowed.others:
            project, colon, user = pair.partition(":")
            if (project, user) == ("*", "*"):
                found.append(Grant(permission=permission, group=WITH_TOKEN))
            elif colon and user == "*":
                found.append(Grant(permission=permission, project=project))
    return found


def _shown(call: Call, grants: Sequence[Grant]) -> Response:
    return answer("AccessControlPolicy", views.owner(call), xml.node(
        "AccessControlList", _grant_of(call), *(_grant(grant) for grant in grants)))


def _grant_of(call: Call) -> str:
    named = xml.tag("ID", views.id_of(call)) + xml.tag("DisplayName", views.id_of(call))
    return xml.node("Grant", _grantee("CanonicalUser", named), xml.tag("Permission", ALL))


def _grant(grant: Grant) -> str:
    grantee = _grantee("Group", xml.tag("URI", grant.group)) if grant.group else _grantee("CanonicalUser", xml.tag("ID", grant.project))
    return xml.node("Grant", grantee, xml.tag("Permission", grant.permission))


def _grantee(kind: str, named: str) -> str:
    return xml.node("Grantee", named, attributes=f' xmlns:xsi="{xml.XSI}" xsi:type="{kind}"')


def _parsed(call: Call, body: bytes) -> list[Grant]:
    """The grants of a document, without those of the owner. Raises S3Error."""
    try:
        document = xml.parse(body, "AccessControlPolicy")
    except ValueError:
        raise S3Error("MalformedACLError") from None
    listed = document.find("AccessControlList")
    if listed is None or document.find("Owner") is None:
        raise S3Error("MalformedACLError")
    owner = ("", views.id_of(call), call.who.project_id)
    if document.value("Owner/ID") not in owner:
        raise S3Error("AccessDenied")
    grants = []
    for node in listed.all("Grant"):
        group, project, permission = node.value("Grantee/URI"), node.value("Grantee/ID"), node.value("Permission")
        if permission not in PERMISSIONS or not (group or project) or group not in ("", EVERYBODY, WITH_TOKEN):
            raise S3Error("MalformedACLError")
        if group or project not in owner:
            grants.append(_named(Grant(permission=permission, group=group, project=project)))
    return grants


def _of_text(permission: str, text: str) -> list[Grant]:
    """Grantees of a header: uri="…", id="…", with commas between."""
    grants = []
    for part in text.split(","):
        kind, _, value = (piece.strip() for piece in part.partition("="))
        value = value.strip('"')
        if kind == "uri" and value in (EVERYBODY, WITH_TOKEN):
            grants.append(Grant(permission=permission, group=value))
        elif kind == "id" and value:
            grants.append(_named(Grant(permission=permission, project=value)))
        else:
            raise S3Error("InvalidArgument", "Argument format not recognized", ArgumentValue=part)
    return grants


def _named(grant: Grant) -> Grant:
    """Raises S3Error for a name that would mean something else in a list of the store's."""
    if any(c in ",:*%\r\n" or c.isspace() for c in grant.project) or grant.project.startswith("."):
        raise S3Error("InvalidArgument", "Invalid id", ArgumentName="ID", ArgumentValue=grant.project)
    return grant
