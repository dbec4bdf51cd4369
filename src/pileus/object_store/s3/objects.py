"""Objects: stored, read, deleted. Copies are in `copying.py`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.object_store.pipeline.versioning.names import DELETED, NULL, container_of, version_name
from pileus.object_store.s3 import copying, metadata, payload, versioning
from pileus.object_store.s3.acl import objects as acl
from pileus.object_store.s3.call import Call, version_query
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.lock import guard
from pileus.object_store.s3.lock import headers as lock_headers
from pileus.object_store.s3.multipart import layout
from pileus.object_store.wire.message import ALLOWS_RESERVED, Response, is_true
from pileus.object_store.wire.ranges import parse as parse_ranges


async def put(call: Call) -> Response:
    if "x-amz-copy-source" in call.req.headers:
        return await copying.copy(call)
    headers = metadata.written(call) | await acl.of_new(call) | await lock_headers.of_new(call) | preconditions(call)
    replaced = await layout.parts_of_current(call, call.key)
    made = await store(call, headers, (call.bucket, call.key))
    if replaced:
        await layout.drop_parts(call, replaced)
    return made


async def store(call: Call, headers: dict[str, str], to: tuple[str, str]) -> Response:
    """The body of a call as an object: container, name."""
    body = await payload.of(call)
    if body.length > call.config.limits.max_file_size:
        raise S3Error("EntityTooLarge")
    headers["content-length"] = str(body.length)
    if body.md5:
        headers["etag"] = body.md5
    made = await call.ask("PUT", *to, headers, body=body if body.length else None)
    if made.status == 400 and any(name in headers for name in metadata.EXPIRY):
        raise S3Error("InvalidArgument", (await made.read()).decode("utf-8", "replace"))
    if not made.ok:
        raise await call.error(made, *to)
    told = {"etag": metadata.quoted(made.header("etag")), "last-modified": made.header("last-modified")}
    if body.checksum is not None:
        told[f"x-amz-checksum-{body.checksum.name}"] = body.checksum.made
    return Response(200, told | of_version(made))


async def get(call: Call) -> Response:
    got = await read(call, "GET")
    return Response(got.status, _shown(call, got), got.body)


async def head(call: Call) -> Response:
    """With a range the answer says how long the piece would be, as that of GET does."""
    got = await read(call, "HEAD")
    headers = _shown(call, got)
    size = int(headers.get("content-length") or 0)
    if got.status == 200 and (pieces := parse_ranges(call.header("range"), size)) is not None and len(pieces) < 2:
        if not pieces:
            raise S3Error("InvalidRange")
        start, length = pieces[0]
        headers |= {"content-length": str(length), "content-range": f"bytes {start}-{start + length - 1}/{size}"}
        return Response(206, headers)
    return Response(got.status, headers)


def _shown(call: Call, got: Response) -> dict[str, str]:
    return metadata.shown(call, got) | of_version(got) | lock_headers.shown(got.headers)


async def read(call: Call, method: str) -> Response:
    """The object as the store has it; 304 is an answer, too. Raises S3Error."""
    headers = metadata.conditions(call)
    number, version = call.params.get("partNumber"), call.params.get("versionId", "")
    if number is not None and "range" in call.req.headers:
        raise S3Error("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
    if method == "GET" and "range" in call.req.headers:
        headers["range"] = call.header("range")
    query = version_query(version)
    if number is not None:
        query = f"{query}&part-number={layout.part_number(call)}".lstrip("&")
    got = await call.ask(method, call.bucket, call.key, headers, query=query)
    if got.status == 304:
        return got
    if number is not None and (got.status == 416 or (got.ok and "x-parts-count" not in got.headers)):
        return await _only_part(call, got)
    if not got.ok:
        raise await refusal(call, got, call.key, version)
    return got


async def _only_part(call: Call, got: Response) -> Response:
    """An object that has no parts has one: itself."""
    if got.status == 416 or int(call.params["partNumber"]) != 1:
        await got.close()
        raise S3Error("InvalidPartNumber")
    size = int(got.header("content-length", "0"))
    if size:
        got.status = 206
        got.headers["content-range"] = f"bytes 0-{size - 1}/{size}"
    return got


async def refusal(call: Call, got: Response, key: str, version: str) -> S3Error:
    """What an answer about an object, or one version of it, means that says no."""
    await got.close()
    if version and got.status == 404:
        if got.header("content-type") == DELETED:
            return S3Error("MethodNotAllowed", Method=call.req.method, ResourceType="DeleteMarker",
                           headers={"x-amz-delete-marker": "true", "x-amz-version-id": version})
        if (await call.bucket_info()).exists:
            return S3Error("NoSuchVersion", Key=key, VersionId=version)
    if version and got.status == 400:
        if not (await call.bucket_info()).sysmeta("container", "versions-container"):
            return S3Error("NoSuchVersion", Key=key, VersionId=version)
        return S3Error("InvalidArgument", "Invalid version id specified", ArgumentName="versionId", ArgumentValue=version)
    return await call.error(got, call.bucket, key)


async def change(call: Call, headers: dict[str, str]) -> None:
    """Change what S3 keeps of an object, or of one version of it, besides its body; all other metadata stays as it is."""
    found = await read(call, "HEAD")
    known = {n: v for n, v in found.headers.items() if n in metadata.SAME or n.startswith((metadata.SWIFT_META, metadata.CHANGEABLE))}
    if delete_at := found.header("x-delete-at"):
        known["x-delete-at"] = delete_at
    place, version = (call.bucket, call.key), found.header("x-object-version-id", NULL)
    if call.params.get("versionId") and version != NULL:
        current = await call.ask("HEAD", call.bucket, call.key)
        if current.header("x-object-version-id") != version:     # the store's own API changes current versions only
            place, known[ALLOWS_RESERVED] = (container_of(call.bucket), version_name(call.key, version)), "true"
    await call.done("POST", *place, known | headers)


async def delete(call: Call) -> Response:
    return Response(204, await remove(call, call.key, call.params.get("versionId", "")))


async def remove(call: Call, key: str, version: str = "") -> dict[str, str]:
    """Delete an object, or one version of it, and the parts that it consists of; answers what is told of that.

    That it is gone already is fine; that its bucket is, is not.
    """
    info = await call.bucket_info()
    query, marks = version_query(version), versioning.is_enabled(info.headers) and not version
    found = Response(404) if marks else await call.ask("HEAD", call.bucket, key, {"x-newest": "true"}, query=query)
    await found.close()
    upload = layout.upload_of(found)
    if found.ok and is_true(found.header("x-static-large-object")) and not upload:
        query = f"{query}&multipart-manifest=delete".lstrip("&")
    gone = await call.ask("DELETE", call.bucket, key, query=query, facts={guard.BYPASS: True} if lock_headers.bypasses(call) else None)
    if gone.status != 404 and not gone.ok:
        raise await refusal(call, gone, key, version)
    await gone.close()
    if upload:
        await layout.drop_parts(call, upload)
    if version and gone.header("x-object-current-version-id") == "null":
        await versioning.bring_back(call, key)
    marker = DELETED in (gone.header("x-backend-content-type"), found.header("content-type") if version else "")
    return of_version(gone) | ({"x-amz-delete-marker": "true"} if marker else {})


def preconditions(call: Call) -> dict[str, str]:
    """If-None-Match: * of a writer is the storage servers' to keep. Raises S3Error for others: nobody could keep those in time."""
    wanted = {name: call.header(name) for name in metadata.CONDITIONS if name in call.req.headers}
    if wanted and wanted != {"if-none-match": "*"}:
        raise S3Error("NotImplemented", "A header you provided implies functionality that is not implemented", Header=next(iter(wanted)))
    return wanted


def of_version(response: Response) -> dict[str, str]:
    """What an answer says of the version that it is about."""
    version = response.header("x-object-version-id")
    return {"x-amz-version-id": version} if version else {}
