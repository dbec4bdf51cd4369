"""Objects: stored, read, deleted. Copies are in `copying.py`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.object_store.s3 import copying, metadata, payload
from pileus.object_store.s3.call import Call
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.wire.conditional import moment
from pileus.object_store.wire.message import Response, is_true
from pileus.object_store.wire.ranges import parse as parse_ranges


async def put(call: Call) -> Response:
    if "x-amz-copy-source" in call.req.headers:
        return await copying.copy(call)
    headers = metadata.written(call) | await _preconditions(call)
    return await store(call, headers)


async def store(call: Call, headers: dict[str, str]) -> Response:
    """The body of a call as its object."""
    body = await payload.of(call)
    if body.length > call.config.limits.max_file_size:
        raise S3Error("EntityTooLarge")
    headers["content-length"] = str(body.length)
    if body.md5:
        headers["etag"] = body.md5
    made = await call.done("PUT", call.bucket, call.key, headers, body=body if body.length else None)
    told = {"etag": metadata.quoted(made.header("etag"))}
    if body.checksum is not None:
        told[f"x-amz-checksum-{body.checksum.name}"] = body.checksum.made
    return Response(200, told | of_version(made))


async def get(call: Call) -> Response:
    got = await read(call, "GET")
    return Response(got.status, metadata.shown(call, got) | of_version(got), got.body)


async def head(call: Call) -> Response:
    """With a range the answer says how long the piece would be, as that of GET does."""
    got = await read(call, "HEAD")
    headers = metadata.shown(call, got) | of_version(got)
    size = int(headers.get("content-length") or 0)
    if got.status == 200 and (pieces := parse_ranges(call.header("range"), size)) is not None and len(pieces) < 2:
        if not pieces:
            raise S3Error("InvalidRange")
        start, length = pieces[0]
        headers |= {"content-length": str(length), "content-range": f"bytes {start}-{start + length - 1}/{size}"}
        return Response(206, headers)
    return Response(got.status, headers)


async def read(call: Call, method: str) -> Response:
    """The object as the store has it; 304 is an answer, too. Raises S3Error."""
    headers = metadata.conditions(call)
    if method == "GET" and "range" in call.req.headers:
        headers["range"] = call.header("range")
    query = []
    if (number := call.params.get("partNumber")) is not None:
        if not (number.isascii() and number.isdigit() and 0 < int(number) <= call.s3.max_upload_part_num):
            raise S3Error("InvalidArgument", f"Part number must be an integer between 1 and {call.s3.max_upload_part_num}, inclusive",
                          ArgumentName="partNumber", ArgumentValue=number)
        query.append(f"part-number={number}")
    got = await call.ask(method, call.bucket, call.key, headers, query="&".join(query))
    if got.status == 304:
        return got
    if got.status == 416 and number is not None:
        await got.close()
        raise S3Error("InvalidPartNumber")
    if not got.ok:
        raise await call.error(got, call.bucket, call.key)
    return got


async def delete(call: Call) -> Response:
    await remove(call, call.key)
    return Response(204)


async def remove(call: Call, key: str) -> None:
    """Delete an object, and the parts that it consists of. That it is gone already is fine; that its bucket is, is not."""
    found = await call.ask("HEAD", call.bucket, key, {"x-newest": "true"})
    if found.status == 404:
        await call.bucket_info()
        return
    if found.status not in (200, 204, 416):
        raise await call.error(found, call.bucket, key)
    whole = is_true(found.header("x-static-large-object"))
    gone = await call.ask("DELETE", call.bucket, key, query="multipart-manifest=delete" if whole else "")
    if gone.status != 404 and not gone.ok:
        raise await call.error(gone, call.bucket, key)
    await gone.close()


async def _preconditions(call: Call) -> dict[str, str]:
    """If-None-Match: * of a writer is the storage servers' to keep; others are compared with what is there now."""
    headers: dict[str, str] = {}
    if (wanted := call.header("if-none-match")) and wanted.strip() == "*":
        headers["if-none-match"] = "*"
    elif wanted:
        raise S3Error("NotImplemented", "A header you provided implies functionality that is not implemented", Header="If-None-Match",
                      additionalMessage="If-None-Match only supports *")
    if "if-match" in call.req.headers:
        raise S3Error("NotImplemented", "A header you provided implies functionality that is not implemented", Header="If-Match")
    if (since := moment(call.header("if-unmodified-since"))) is not None:
        found = await call.ask("HEAD", call.bucket, call.key)
        if found.ok and (moment(found.header("last-modified")) or since) > since:
            raise S3Error("PreconditionFailed")
    return headers


def of_version(response: Response) -> dict[str, str]:
    """What an answer says of the version that it is about."""
    version = response.header("x-object-version-id")
    return {"x-amz-version-id": version} if version else {}
