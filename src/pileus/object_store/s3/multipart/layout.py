"""Where uploads and their parts are, and what belongs to an upload."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import msgspec

from pileus.object_store.pipeline.versioning.names import ENABLED
from pileus.object_store.s3 import metadata
from pileus.object_store.s3.call import Call
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.names import segments
from pileus.object_store.s3.numbers import is_number
from pileus.object_store.wire.message import Response, is_true

UPLOADS, PARTS = "uploads/", "parts/"
#: What a bucket's container and that of its parts have in common.
LISTS = ("x-container-read", "x-container-write")
#: Between key and upload: sorts before everything that a key can go on with.
SEPARATOR = "\x01"
#: Behind all uploads of a key.
BEHIND = "\x02"
#: On an object that was made of parts: of which upload.
UPLOAD = metadata.KEPT + "upload-id"


async def make_container(call: Call) -> None:
    """The container of the bucket's parts, with the lists and the storage policy of the bucket. Repeatable."""
    info = await call.bucket_info()
    if (await call.info(segments(call.bucket))).exists:
        return
    lists = {name: info.headers[name] for name in LISTS if info.headers.get(name)}
    policy = call.feature.store.proxy.policies.get(info.policy)
    await call.done("PUT", segments(call.bucket), headers=lists | ({"x-storage-policy": policy.name} if policy is not None else {}))


def upload_name(key: str, upload: str) -> str:
    return f"{UPLOADS}{key}{SEPARATOR}{upload}"


def parse_upload(name: str) -> tuple[str, str]:
    key, _, upload = name.removeprefix(UPLOADS).rpartition(SEPARATOR)
    return key, upload


def part_name(upload: str, number: int) -> str:
    return f"{PARTS}{upload}/{number:05d}"


def part_number(call: Call) -> int:
    text, most = call.params.get("partNumber", ""), call.s3.max_upload_part_num
    if not (is_number(text) and 0 < int(text) <= most):
        raise S3Error("InvalidArgument", f"Part number must be an integer between 1 and {most}, inclusive", ArgumentName="partNumber",
                      ArgumentValue=text)
    return int(text)


async def find(call: Call) -> Response:
    """What is kept of the call's upload. Raises S3Error when there is none under way."""
    if (found := await look(call)) is None:
        raise S3Error("NoSuchUpload", UploadId=call.params.get("uploadId", ""))
    return found


async def look(call: Call) -> Response | None:
    """As `find`, but None when there is none."""
    upload = call.params.get("uploadId", "")
    await call.bucket_info()
    found = await call.ask("HEAD", segments(call.bucket), upload_name(call.key, upload), {"x-newest": "true"})
    if found.status in (404, 412):
        return None
    if not found.ok:
        raise await call.error(found, segments(call.bucket))
    return found


async def rows(call: Call, container: str, prefix: str, marker: str = "") -> AsyncIterator[dict[str, Any]]:
    """The objects of a container below a prefix, behind a marker."""
    while True:
        query = urlencode({"format": "json", "prefix": prefix, "marker": marker}, errors="surrogateescape")
        got = await call.ask("GET", container, query=query)
        if got.status == 404:
            await got.close()
            return
        if not got.ok:
            raise await call.error(got, container)
        page = msgspec.json.decode(await got.read())
        if not page:
            return
        for row in page:
            yield row
        marker = page[-1]["name"]


async def drop_parts(call: Call, upload: str, keep: frozenset[str] = frozenset()) -> None:
    """Delete the parts of an upload, other than those of these names. Repeatable."""
    container = segments(call.bucket)
    names = [row["name"] async for row in rows(call, container, f"{PARTS}{upload}/") if row["name"] not in keep]
    await drop(call, container, names)


async def drop(call: Call, container: str, names: list[str]) -> None:
    at_once = asyncio.Semaphore(call.s3.concurrency)

    async def one(name: str) -> None:
        async with at_once:
            await (await call.ask("DELETE", container, name)).close()

    await asyncio.gather(*(one(name) for name in names))


async def drop_all(call: Call) -> None:
    """Whatever is left of the uploads of a bucket that is gone."""
    container = segments(call.bucket)
    if not (await call.info(container)).exists:
        return
    await drop(call, container, [row["name"] async for row in rows(call, container, "")])
    await (await call.ask("DELETE", container)).close()


async def parts_of_current(call: Call, key: str) -> str:
    """The upload whose parts nobody needs any more when an object is overwritten: empty when there is none."""
    if not (await call.info(segments(call.bucket))).exists or is_true((await call.info(call.bucket)).headers.get(ENABLED, "")):
        return ""
    found = await call.ask("HEAD", call.bucket, key, {"x-newest": "true"})
    await found.close()
    return upload_of(found) if found.header("x-object-version-id", "null") == "null" else ""


def upload_of(found: Response) -> str:
    return found.header(UPLOAD) if found.ok else ""
