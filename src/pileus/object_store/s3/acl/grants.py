"""Grants: who may do what besides the owner, as headers, canned names and documents say it, and whom they let in.

A grantee is a project, as owners are; or one user of it, PROJECT:USER, which is how this store names owners in S3's documents.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from pileus.core.context import Context
from pileus.object_store.pipeline import acl as lists
from pileus.object_store.pipeline.auth import DEFAULT_DOMAIN
from pileus.object_store.s3 import views, xml
from pileus.object_store.s3.call import Call, answer
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.wire.message import Response

HEADER = "x-amz-acl"
EVERYBODY = "http://acs.amazonaws.com/groups/global/AllUsers"
WITH_TOKEN = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
READ, WRITE, READ_ACP, WRITE_ACP, ALL = "READ", "WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL"
SINGLE = (READ, WRITE, READ_ACP, WRITE_ACP)
HEADERS = {"x-amz-grant-read": READ, "x-amz-grant-write": WRITE, "x-amz-grant-full-control": ALL,
           "x-amz-grant-read-acp": READ_ACP, "x-amz-grant-write-acp": WRITE_ACP}
MOST = 100


class Grant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`permission`: one of SINGLE; full control is all four."""

    permission: str
    group: str = ""
    who: str = ""                           # PROJECT, or PROJECT:USER

    @property
    def element(self) -> str:
        """As an element of the store's own lists."""
        return self.who if ":" in self.who else f"{self.who}:*"


class Grants(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`domain`: where whoever granted is at home; names mean nothing elsewhere."""

    grants: tuple[Grant, ...] = ()
    domain: str = ""

    def without(self, group: str) -> Grants:
        return msgspec.structs.replace(self, grants=tuple(grant for grant in self.grants if grant.group != group))

    def allow(self, who: Context, permission: str) -> bool:
        by_name = names_count(who, self.domain)
        for grant in self.grants:
            if grant.permission != permission:
                continue
            if grant.group == EVERYBODY or (grant.group == WITH_TOKEN and who.user_id):
                return True
            if grant.who and who.user_id and lists.AccessList(others=(grant.element,)).lets_in_user(who, by_name=by_name):
                return True
        return False


def names_count(who: Context, domain: str) -> bool:
    """Whether somebody may be meant by name: the store's own users always, others where names are not another domain's."""
    return who.user_domain_id is None or {who.user_domain_id, who.project_domain_id, domain or DEFAULT_DOMAIN} == {DEFAULT_DOMAIN}


#: Canned lists: name → grants besides the owner's.
CANNED: dict[str, tuple[Grant, ...]] = {
    "private": (), "public-read": (Grant(permission=READ, group=EVERYBODY),),
    "public-read-write": (Grant(permission=READ, group=EVERYBODY), Grant(permission=WRITE, group=EVERYBODY)),
    "authenticated-read": (Grant(permission=READ, group=WITH_TOKEN),),
    "bucket-owner-read": (), "bucket-owner-full-control": (),       # say what is so anyway
}
OTHERS = ("log-delivery-write", "aws-exec-read")


def of_headers(call: Call) -> Grants | None:
    """What a request's headers grant; None when they say nothing. Raises S3Error."""
    canned = call.header(HEADER)
    given = [(permission, call.header(name)) for name, permission in HEADERS.items() if name in call.req.headers]
    if canned and given:
        raise S3Error("InvalidRequest", "Specifying both Canned ACLs and Header Grants is not allowed")
    if given:
        return _made(call, [grant for permission, text in given for grant in _of_text(permission, text)])
    if not canned:
        return None
    if canned in OTHERS:
        raise S3Error("NotImplemented")
    if canned not in CANNED:
        raise S3Error("InvalidArgument", ArgumentName=HEADER, ArgumentValue=canned)
    return _made(call, CANNED[canned])


async def asked(call: Call, owner: str) -> Grants:
    """What a request to change the list of something of `owner`'s wants it to be: by headers or by its document. Raises S3Error."""
    body = await call.read_body()
    found = of_headers(call)
    if found is not None and body.strip():
        raise S3Error("InvalidRequest", "Specifying both Canned ACLs or header grants and a document is not allowed")
    if found is None and not body.strip():
        raise S3Error("MissingSecurityHeader", MissingHeaderName=HEADER)
    return _parsed(call, body, owner) if found is None else found


def shown(owner: str, found: Iterable[Grant]) -> Response:
    """The document of a list of something of `owner`'s. What makes full control together is shown as that."""
    granted: dict[tuple[str, str], list[str]] = {}
    for grant in found:
        granted.setdefault((grant.group, grant.who), []).append(grant.permission)
    told = [_grant(group, who, permission) for (group, who), permissions in granted.items()
            for permission in ([ALL] if set(permissions) == set(SINGLE) else sorted(set(permissions), key=SINGLE.index))]
    return answer("AccessControlPolicy", views.owner_named(owner), xml.node("AccessControlList", _grant("", owner, ALL), *told))


def _grant(group: str, who: str, permission: str) -> str:
    kind, named = ("Group", xml.tag("URI", group)) if group else ("CanonicalUser", xml.tag("ID", who) + xml.tag("DisplayName", who))
    grantee = xml.node("Grantee", named, attributes=f' xmlns:xsi="{xml.XSI}" xsi:type="{kind}"')
    return xml.node("Grant", grantee, xml.tag("Permission", permission))


def _made(call: Call, found: Sequence[Grant]) -> Grants:
    """Full control as the four that it is. Raises S3Error for more than is looked at on each request."""
    single = [msgspec.structs.replace(grant, permission=permission) for grant in found
              for permission in (SINGLE if grant.permission == ALL else (grant.permission,))]
    if len(single) > MOST:
        raise S3Error("InvalidRequest", f"More than {MOST} grants are not allowed.")
    return Grants(grants=tuple(dict.fromkeys(single)), domain=call.who.project_domain_id or "")


def _parsed(call: Call, body: bytes, owner: str) -> Grants:
    """The grants of a document, without those of the owner. Raises S3Error."""
    try:
        document = xml.parse(body, "AccessControlPolicy")
    except ValueError:
        raise S3Error("MalformedACLError") from None
    listed = document.find("AccessControlList")
    if listed is None or document.find("Owner") is None:
        raise S3Error("MalformedACLError")
    owners = ("", owner) if call.s3.s3_acl else ("", owner, call.owner_id)
    if document.value("Owner/ID") not in owners:
        raise S3Error("AccessDenied")
    found = []
    for node in listed.all("Grant"):
        group, who, permission = node.value("Grantee/URI"), node.value("Grantee/ID"), node.value("Permission")
        if permission not in (*SINGLE, ALL) or not (group or who) or group not in ("", EVERYBODY, WITH_TOKEN):
            raise S3Error("MalformedACLError")
        if group or who not in owners:
            found.append(_named(Grant(permission=permission, group=group, who="" if group else who)))
    return _made(call, found)


def _of_text(permission: str, text: str) -> list[Grant]:
    """Grantees of a header: uri="…", id="…", with commas between."""
    found = []
    for part in text.split(","):
        kind, _, value = (piece.strip() for piece in part.partition("="))
        value = value.strip('"')
        if kind == "uri" and value in (EVERYBODY, WITH_TOKEN):
            found.append(Grant(permission=permission, group=value))
        elif kind == "id" and value:
            found.append(_named(Grant(permission=permission, who=value)))
        else:
            raise S3Error("InvalidArgument", "Argument format not recognized", ArgumentValue=part)
    return found


def _named(grant: Grant) -> Grant:
    """Raises S3Error for a name that would mean something else in a list of the store's."""
    wrong = any(c in ",*%\r\n" or c.isspace() for c in grant.who) or grant.who.startswith(".") or grant.who.count(":") > 1
    if wrong or grant.who.startswith(":") or grant.who.endswith(":") or len(grant.who) > 255:
        raise S3Error("InvalidArgument", "Invalid id", ArgumentName="ID", ArgumentValue=grant.who)
    return grant
