"""The bytes of an image, in and out."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re

from pileus.core.errors import Invalid, UnsupportedMedia
from pileus.core.http import Reply, Request, Route
from pileus.image.api.targets import of_image, target
from pileus.image.errors import RangeUnsatisfiable, StoreUnknown
from pileus.image.model import Image

BINARY = "application/octet-stream"
#: Names the store that bytes are for.
STORE = "x-image-meta-store"
RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)
#: What older clients ask for a part with: it belongs into answers, but Glance takes it.
CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(?:\d{1,19}|\*)", re.ASCII)


async def upload(req: Request, image_id: str) -> None:
    binary(req)
    images = req.services.image
    await images.upload(req.found, req.stream, announced(req), store=req.header(STORE))


async def download(req: Request, image_id: str) -> Reply:
    images, image = req.services.image, req.found
    size = image.size or 0
    etag = f'"{image.os_hash_value}"'
    wanted = req.header("range") if req.header("if-range") in (None, etag) else None
    asked = req.header("content-range") if wanted is None else None
    start, end, partial = wanted_range(wanted, size) if asked is None else older_range(asked, size)
    headers, preferred = {"accept-ranges": "bytes"} | ({"etag": etag} if image.os_hash_value else {}), _preferred(req, image)
    if not partial and image.checksum:
        headers["content-md5"] = image.checksum
    if req.sends_files and not partial and not preferred and (file := await images.file(req.who, image)) is not None:
        return Reply(200, None, headers, content_type=BINARY, file=file, length=size)
    stream = await images.data(req.who, image, start, end - start, preferred)
    if stream is None:
        return Reply(204)
    if partial:
        headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    return Reply(206 if partial else 200, None, headers, content_type=BINARY, stream=stream, length=end - start)


ROUTES = [
    Route("PUT", "/v2/images/{image_id}/file", upload, policy="upload_image", target=of_image, stream=True, ok=204),
    Route("GET", "/v2/images/{image_id}/file", download, policy="download_image", target=of_image),
]


def binary(req: Request) -> None:
    """Raises UnsupportedMedia unless the body is bytes."""
    kind = (req.header("content-type") or "").partition(";")[0].strip().lower()
    if kind != BINARY:
        raise UnsupportedMedia(f"The data of an image are sent as {BINARY}.")


def announced(req: Request) -> int | None:
    """How many bytes will come, as far as the caller says so. Raises Invalid."""
    size = req.header("x-openstack-image-size")
    if size is None:
        return req.falcon.content_length
    if not (size.isascii() and size.isdecimal()):
        raise Invalid("Invalid image size in the request's headers.")
    return int(size)


def _preferred(req: Request, image: Image) -> tuple[str, ...]:
    """The stores that the image is to be read from if it can be. Raises Forbidden or StoreUnknown."""
    stores = tuple(store.strip() for store in (req.query.get("prefer") or "").split(",") if store.strip())
    if stores:
        req.enforce("download_from_store", target(req.who, image))
    for store in stores:
        if store not in req.services.image.stores.configured:
            raise StoreUnknown(store=store)
    return stores


def wanted_range(header: str | None, size: int) -> tuple[int, int, bool]:
    """(first byte, byte behind the last, whether that is a part). Raises Invalid for several ranges, or RangeUnsatisfiable."""
    if not header:
        return 0, size, False
    if "," in header:
        raise Invalid("An image is sent in one range only.")
    found = RANGE.fullmatch(header.replace(" ", ""))
    first, last = found.groups() if found else ("", "")
    if first:
        return _part(header, int(first), min(size, int(last) + 1 if last else size), size)
    return _part(header, max(0, size - int(last)) if last else size, size, size)


def older_range(header: str, size: int) -> tuple[int, int, bool]:
    """The same for a Content-Range, which must be all there. Raises RangeUnsatisfiable."""
    found = CONTENT_RANGE.fullmatch(header)
    start, end = (int(found[1]), int(found[2]) + 1) if found else (size, size)
    return _part(header, start, end if end <= size else 0, size)


def _part(header: str, start: int, end: int, size: int) -> tuple[int, int, bool]:
    if start >= end:
        raise RangeUnsatisfiable(range=header, headers={"content-range": f"bytes */{size}"})
    return start, end, True
