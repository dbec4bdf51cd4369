"""The bytes of an image, in and out."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re

from pileus.core.errors import UnsupportedMedia
from pileus.core.http import Reply, Request, Route
from pileus.image.api.targets import of_image
from pileus.image.errors import RangeUnsatisfiable

BINARY = "application/octet-stream"
RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)


async def upload(req: Request, image_id: str) -> None:
    binary(req)
    images = req.services.image
    await images.upload(await images.get(image_id, req.who.scope), req.stream, req.falcon.content_length)


async def download(req: Request, image_id: str) -> Reply:
    images = req.services.image
    image = await images.get(image_id, req.who.scope)
    size = image.size or 0
    start, end, partial = wanted_range(req.header("range"), size)
    stream = await images.data(req.who, image, start, end - start)
    if stream is None:
        return Reply(204)
    headers = {"accept-ranges": "bytes"}
    if partial:
        headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    elif image.checksum:
        headers["content-md5"] = image.checksum
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


def wanted_range(header: str | None, size: int) -> tuple[int, int, bool]:
    """(first byte, byte behind the last, whether that is a part). One range is served; anything else is the whole image.

    Raises RangeUnsatisfiable."""
    found = RANGE.fullmatch(header.replace(" ", "")) if header else None
    if found is None or found.groups() == ("", ""):
        return 0, size, False
    first, last = found.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1 if last else size)
        if last and int(last) < start:
            return 0, size, False
    if start >= end:
        raise RangeUnsatisfiable(range=header, headers={"content-range": f"bytes */{size}"})
    return start, end, True
