"""What a bucket's policy says about a request, and the requests about policies. What follows from it is for `rights.py`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from urllib.parse import parse_qsl

from pileus.object_store.s3 import kept, shared
from pileus.object_store.s3.call import Call
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.metadata import TAGGING
from pileus.object_store.s3.policy import read
from pileus.object_store.s3.policy.model import ARN, EXISTING, HEADERS, REQUESTED, Asked, decide
from pileus.object_store.wire.message import Response

NAME = "policy"
#: Of owners these are never taken away.
OF_OWNERS = ("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy")


async def show(call: Call) -> Response:
    await call.done("HEAD", call.bucket)
    document = await kept.load(call, NAME)
    if document is None:
        raise S3Error("NoSuchBucketPolicy", BucketName=call.bucket)
    return Response(200, {"content-type": "application/json"}, document)


async def change(call: Call) -> Response:
    await call.bucket_info()
    document = await call.read_body(read.LONGEST)
    try:
        statements = read.statements(document, call.bucket)
    except ValueError as problem:
        raise S3Error("MalformedPolicy", str(problem)) from None
    if any(statement.allows for statement in statements):
        await shared.publish(call)
    await kept.save(call, NAME, document)
    return Response(204)


async def remove(call: Call) -> Response:
    await kept.save(call, NAME, None)
    return Response(204)


async def ask(call: Call, action: str) -> bool | None:
    """What the policy of the call's bucket says: True allows, False denies, None is neither."""
    document = kept.read(await call.info(call.bucket), NAME)
    if document is None:
        return None
    resource = f"{ARN}{call.bucket}/{call.key}" if call.key else ARN + call.bucket
    statements = read.statements(document, call.bucket)
    facts = _facts(call)
    if call.key and any(key.startswith(EXISTING) for statement in statements for _, key, _ in statement.conditions):
        facts |= await _tags_of_object(call)
    return decide(statements, Asked(action=action, resource=resource, names=_names(call), facts=facts))


def is_owner(call: Call) -> bool:
    return not call.foreign and bool(call.who.roles & {role.lower() for role in call.config.operator_roles})


def _names(call: Call) -> frozenset[str]:
    """How a principal may name who asks: user or project, by id or by name."""
    who = call.who
    projects = [name for name in (who.project_id, who.project_name) if name]
    users = [name for name in (who.user_id, who.user_name) if name]
    return frozenset([*projects, *users, *(f"arn:aws:iam::{project}:root" for project in projects),
                      *(f"arn:aws:iam::{project}:user/{user}" for project in projects for user in users)])


def _facts(call: Call) -> dict[str, str]:
    req, who, claim = call.req, call.who, call.claim
    facts = {"aws:sourceip": req.facts.get("client", ""), "aws:securetransport": str(req.facts.get("scheme") == "https").lower(),
             "aws:username": who.user_name, "aws:userid": who.user_id or "", "aws:currenttime": call.feature.store.clock.now().isoformat(),
             "aws:useragent": req.header("user-agent"), "aws:referer": req.header("referer"), "s3:prefix": call.params.get("prefix", ""),
             "s3:delimiter": call.params.get("delimiter", ""), "s3:max-keys": call.params.get("max-keys", ""),
             "s3:versionid": call.params.get("versionId", ""), **{f"s3:{name}": req.header(name) for name in HEADERS}}
    if who.user_id:
        facts |= {"aws:principalarn": f"arn:aws:iam::{who.project_id}:user/{who.user_id}", "aws:principalaccount": who.project_id or ""}
    facts |= {REQUESTED + key: value for key, value in parse_qsl(req.header("x-amz-tagging"), keep_blank_values=True)}
    if claim is not None:
        facts["s3:authtype"] = "REST-QUERY-STRING" if claim.in_query else "REST-HEADER"
        facts["s3:signatureversion"] = "AWS4-HMAC-SHA256" if claim.scope else "AWS"
    return {name: value for name, value in facts.items() if value}


async def _tags_of_object(call: Call) -> dict[str, str]:
    found = await call.found()
    return {EXISTING + key: value for key, value in parse_qsl(found.header(TAGGING), keep_blank_values=True)}
