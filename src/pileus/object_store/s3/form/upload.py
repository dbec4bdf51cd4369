"""POST of a form to a bucket: who signed its policy, whether it keeps that, and the object that its file becomes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote, urlencode, urlsplit

from pileus.object_store.s3 import checksums, metadata, names, objects, rights, shared, xml
from pileus.object_store.s3.acl import objects as acl
from pileus.object_store.s3.call import Call, answer
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.form import policy as form_policy
from pileus.object_store.s3.form.policy import FormPolicy
from pileus.object_store.s3.lock import headers as lock_headers
from pileus.object_store.s3.multipart import layout
from pileus.object_store.s3.payload import Payload
from pileus.object_store.s3.signatures import v4
from pileus.object_store.s3.signatures.claim import Claim
from pileus.object_store.wire.body import drain
from pileus.object_store.wire.forms import Part, Parts, parameter
from pileus.object_store.wire.message import Request, Response

#: Bytes of all fields before the file.
MOST_FIELDS = 20_480


def is_form(call: Call) -> bool:
    kind = call.header("content-type").partition(";")[0].strip().lower()
    return call.req.method == "POST" and bool(call.bucket) and not call.key and not call.params and kind == "multipart/form-data"


async def upload(call: Call) -> Response:
    """Raises S3Error for a form that is not as its policy wants it, before a byte of its file is stored."""
    boundary = parameter(call.header("content-type"), "boundary")
    if not boundary or call.req.body is None:
        raise S3Error("MalformedPOSTRequest")
    fields: dict[str, str] = {}
    try:
        async for part in Parts(call.req.body, boundary):
            if part.name.lower() == "file":
                answered = await _store(call, fields, part)
                await drain(call.req.body)
                return answered
            await _field(fields, part)
    except ValueError:
        raise S3Error("MalformedPOSTRequest") from None
    raise S3Error("IncorrectNumberOfFilesInPostRequest")


async def _field(fields: dict[str, str], part: Part) -> None:
    text, known = b"", sum(len(name) + len(value) for name, value in fields.items())
    async for data in part.body:
        text += data
        if known + len(text) > MOST_FIELDS:
            raise S3Error("MaxPostPreDataLengthExceededError")
    if part.name.lower() in fields:
        raise S3Error("InvalidArgument", "POST requires exactly one value for each field", ArgumentName=part.name)
    fields[part.name.lower()] = text.decode("utf-8", "surrogateescape")


async def _store(call: Call, fields: dict[str, str], part: Part) -> Response:
    fields["key"] = fields.get("key", "").replace("${filename}", (part.filename or "").rpartition("/")[2])
    if not fields["key"]:
        raise S3Error("UserKeyMustBeSpecified")
    agreed = await _agreed(call, fields)
    call = _call(call, fields)
    names.check(call)
    await rights.enforce(call, "s3:PutObject")
    headers = metadata.written(call) | await acl.of_new(call) | await lock_headers.of_new(call) | {"transfer-encoding": "chunked"}
    checksum = checksums.wanted(call.req.headers, streaming=False)
    body = Payload(_measured(part.body, agreed, call.config.limits.max_file_size), 0, call.threads, checksum=checksum)
    replaced = await layout.parts_of_current(call, call.key)
    made = await call.done("PUT", call.bucket, call.key, headers, body=body)
    if replaced:
        await layout.drop_parts(call, replaced)
    return _answered(call, fields, made)


async def _agreed(call: Call, fields: dict[str, str]) -> FormPolicy:
    """The policy, signed by somebody on whose behalf the call goes on. Raises S3Error."""
    text = fields.get("policy", "")
    if not text:
        raise S3Error("AccessDenied")
    await call.feature.admit(call, _claim(call, fields, text))
    await shared.locate(call)
    try:
        agreed = form_policy.read(text)
    except ValueError as problem:
        raise S3Error("InvalidPolicyDocument", str(problem)) from None
    wrong = agreed.broken(fields | {"bucket": call.bucket}, call.feature.store.clock.now())
    if wrong:
        raise S3Error("AccessDenied", wrong)
    return agreed


def _claim(call: Call, fields: dict[str, str], text: str) -> Claim:
    if fields.get("x-amz-algorithm") == v4.NAME:
        access, scope = v4.scope_of(fields.get("x-amz-credential", ""), call.s3.regions, "AuthorizationQueryParametersError")
        if fields.get("x-amz-date", "")[:8] != scope[0]:
            raise S3Error("AuthorizationQueryParametersError", "Invalid credential date")
        return Claim(access=access, signature=fields.get("x-amz-signature", ""), text=text, scope=scope, stamp=fields["x-amz-date"])
    return Claim(access=fields.get("awsaccesskeyid", ""), signature=fields.get("signature", ""), text=text)


def _call(call: Call, fields: dict[str, str]) -> Call:
    """The upload as if it were a PUT: the form's fields are its headers, and nothing else is."""
    headers = {name: value for name, value in fields.items() if name in metadata.SAME or name.startswith("x-amz-")}
    headers |= {"x-amz-acl": fields["acl"]} if "acl" in fields else {}
    if any("\r" in value or "\n" in value for value in headers.values()):
        raise S3Error("InvalidArgument", "Fields must not have line breaks.")
    sent = Request("PUT", call.req.path, headers, id=call.req.id)
    sent.facts = call.req.facts
    return call.about(fields["key"], sent)


async def _measured(body: AsyncIterator[bytes], agreed: FormPolicy, limit: int) -> AsyncIterator[bytes]:
    """The file. Raises S3Error when it is not as long as agreed, or the form ends too early."""
    size, most = 0, limit if agreed.most is None else min(agreed.most, limit)
    try:
        async for data in body:
            size += len(data)
            if size > most:
                raise S3Error("EntityTooLarge", ProposedSize=size, MaxSizeAllowed=most)
            yield data
    except ValueError:
        raise S3Error("MalformedPOSTRequest") from None
    if size < agreed.least:
        raise S3Error("EntityTooSmall", ProposedSize=size, MinSizeAllowed=agreed.least)


def _answered(call: Call, fields: dict[str, str], made: Response) -> Response:
    etag = metadata.quoted(made.header("etag"))
    location = f"/{call.bucket}/{quote(call.key, errors='surrogateescape')}"
    headers = {"etag": etag, "location": location, **objects.of_version(made)}
    target = fields.get("success_action_redirect") or fields.get("redirect", "")
    if target.startswith(("http://", "https://")) and not any(c.isspace() for c in target):
        told = urlencode({"bucket": call.bucket, "key": call.key, "etag": etag}, errors="surrogateescape")
        return Response(303, headers | {"location": target + ("&" if urlsplit(target).query else "?") + told})
    if fields.get("success_action_status") == "201":
        return answer("PostResponse", xml.tag("Location", location), xml.tag("Bucket", call.bucket), xml.tag("Key", call.key),
                      xml.tag("ETag", etag), status=201, headers=headers)
    return Response(200 if fields.get("success_action_status") == "200" else 204, headers)
