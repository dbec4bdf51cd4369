"""Blobs as objects of one bucket of an object store that speaks S3.

An image of more than one part is a multipart upload, which is no object before it is complete. Of each upload one part is in memory:
S3 wants to know how long a part is, and what its digest is, before it comes. A bucket, or a prefix in it, belongs to one cloud alone:
what is in it and no image's is swept away.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from urllib.parse import quote
from xml.etree import ElementTree

from pileus.core.clock import Clock
from pileus.image.backends.base import BlobMissing, StoreFailed, StoreFull
from pileus.image.backends.config import S3Config
from pileus.image.backends.pieces import Going, Pieces, content_range, exactly, reached
from pileus.image.backends.sigv4 import Keys, query_string, signed
from pileus.image.backends.work import Workers
from pileus.image.wire import Answer, ask

EMPTY = hashlib.sha256(b"").hexdigest()
FULL = ("EntityTooLarge", "QuotaExceeded", "InsufficientStorage")
#: The region that is not named when a bucket is made.
FIRST_REGION = "us-east-1"
#: S3 takes 10,000 parts: so many of one size come before the next ones are larger by that size.
ALIKE = 500


class S3Store:
    def __init__(self, config: S3Config, clock: Clock, workers: Workers):
        self.config, self.clock, self.workers, self.going = config, clock, workers, Going()
        self.keys_ = Keys(config.access_key, config.secret_key, config.region)
        self.base = f"{config.endpoint.rstrip('/')}/{quote(config.bucket)}"
        self.ready = False

    async def put(self, key: str, blocks: AsyncIterator[bytes]) -> None:
        pieces = Pieces(blocks)
        self.going.begin(key)
        try:
            with reached(pieces):
                await self._bucket()
                first = await self._part(pieces, 0)
                if await pieces.more():
                    await self._multipart(key, first, pieces)
                else:
                    await self._done("PUT", self._path(key), body=first)
                self.going.check(key)
        except BaseException:
            await self._quietly("DELETE", self._path(key), {})
            raise
        finally:
            self.going.end(key)

    async def read(self, key: str, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        if length == 0:
            return
        with reached():
            url = self.base + self._path(key)
            headers = signed("GET", url, content_range(start, length), EMPTY, self.keys_, self.clock.now())
            async with ask("GET", url, headers) as answer:
                if answer.status in (404, 416):
                    raise BlobMissing(detail=f"{key}: {answer.status}")
                await self._check(answer)
                async for block in exactly(answer.blocks(), key, length):
                    yield block

    async def delete(self, key: str) -> None:
        self.going.stop(key)
        with reached():
            await self._done("DELETE", self._path(key), absent=True)
            async for name, upload in self._uploads(self.config.prefix + key):
                if name == key:
                    await self._done("DELETE", self._path(key), {"uploadId": upload}, absent=True)

    async def keys(self) -> set[str]:
        with reached():
            found = {name async for name, _ in self._uploads(self.config.prefix)} | set(self.going.keys)
            asked = {"list-type": "2", "prefix": self.config.prefix}
            while True:
                page = await self._xml("GET", "", asked, absent=True)
                found |= {self._key(text) for text in _texts(page, "Contents", "Key")}
                more = list(_texts(page, None, "NextContinuationToken"))
                if not more:
                    return found
                asked["continuation-token"] = more[0]

    # ---- uploads -----------------------------------------------------------------------------------------------------
    async def _multipart(self, key: str, part: bytes, pieces: Pieces) -> None:
        upload = next(_texts(await self._xml("POST", self._path(key), {"uploads": ""}), None, "UploadId"))
        try:
            tags: list[str] = []
            while part:
                tags.append(await self._done("PUT", self._path(key), {"partNumber": str(len(tags) + 1), "uploadId": upload}, part))
                self.going.check(key)
                part = await self._part(pieces, len(tags))
            parts = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{tag}</ETag></Part>" for n, tag in enumerate(tags, 1))
            whole = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
            # A failure may come with status 200: the answer is begun before the parts are put together.
            if not any(_texts(await self._xml("POST", self._path(key), {"uploadId": upload}, whole), None, "ETag")):
                raise StoreFailed(detail=f"{key} could not be put together")
        except BaseException:
            await self._quietly("DELETE", self._path(key), {"uploadId": upload})
            raise

    async def _part(self, pieces: Pieces, number: int) -> bytes:
        return b"".join([block async for block in pieces.piece(self.config.part_bytes * (1 + number // ALIKE))])

    async def _uploads(self, prefix: str) -> AsyncGenerator[tuple[str, str], None]:
        """(key, id) of uploads that are not complete."""
        asked = {"uploads": "", "prefix": prefix}
        while True:
            page = await self._xml("GET", "", asked, absent=True)
            for name, upload in zip(_texts(page, "Upload", "Key"), _texts(page, "Upload", "UploadId"), strict=True):
                yield self._key(name), upload
            if "true" not in _texts(page, None, "IsTruncated"):
                return
            asked["key-marker"], asked["upload-id-marker"] = (next(_texts(page, None, name), "") for name in
                                                              ("NextKeyMarker", "NextUploadIdMarker"))

    # ---- requests ----------------------------------------------------------------------------------------------------
    async def _bucket(self) -> None:
        if not self.ready:
            async with self._ask("HEAD", "", {}, b"") as answer:
                missing = answer.status == 404
            if missing:
                where = f"<LocationConstraint>{self.config.region}</LocationConstraint>"
                body = f"<CreateBucketConfiguration>{where}</CreateBucketConfiguration>".encode()
                await self._done("PUT", "", body=b"" if self.config.region == FIRST_REGION else body)
            self.ready = True

    async def _quietly(self, method: str, path: str, query: Mapping[str, str]) -> None:
        """What cannot be done now, the sweep does."""
        try:
            await self._done(method, path, query, absent=True)
        except (OSError, StoreFailed):
            return

    async def _done(self, method: str, path: str, query: Mapping[str, str] | None = None, body: bytes = b"", *,
                    absent: bool = False) -> str:
        """The ETag of what was stored. Raises OSError or StoreFailed."""
        digest = await self.workers.run(_digest, body)
        async with self._ask(method, path, query or {}, body, digest) as answer:
            if not (absent and answer.status == 404):
                await self._check(answer)
            return answer.headers.get("etag", "")

    async def _xml(self, method: str, path: str, query: Mapping[str, str], body: bytes = b"", *,
                   absent: bool = False) -> ElementTree.Element:
        async with self._ask(method, path, query, body, _digest(body)) as answer:
            if absent and answer.status == 404:
                return ElementTree.Element("nothing")
            await self._check(answer)
            return _parsed(await answer.read())

    def _ask(self, method: str, path: str, query: Mapping[str, str], body: bytes, digest: str = EMPTY):
        url = self.base + path + (f"?{query_string(query)}" if query else "")
        return ask(method, url, signed(method, url, {}, digest, self.keys_, self.clock.now()), body)

    async def _check(self, answer: Answer) -> None:
        if answer.status >= 300:
            text = await answer.read()
            code = next(_texts(_parsed(text), None, "Code"), "") if text else ""
            raise (StoreFull if code in FULL else StoreFailed)(detail=f"the object store answered {answer.status} {code}")

    def _path(self, key: str) -> str:
        return "/" + quote(self.config.prefix + key, safe="-_.~/")

    def _key(self, name: str) -> str:
        return name.removeprefix(self.config.prefix)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _parsed(text: bytes) -> ElementTree.Element:
    """Raises StoreFailed. Entities are none of S3's: a document that declares some is not read."""
    try:
        if b"<!" in text:
            raise StoreFailed(detail="the object store's answer declares a document type")
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as odd:
        raise StoreFailed(detail=f"the object store's answer is no XML: {text[:200]!r}") from odd


def _texts(page: ElementTree.Element, within: str | None, name: str) -> Iterator[str]:
    """The texts of all elements of a name, whatever their namespace; those in elements named `within` when that is given."""
    for outer in page.iter() if within else (page,):
        if within is None or outer.tag.rpartition("}")[2] == within:
            yield from (element.text or "" for element in outer if element.tag.rpartition("}")[2] == name)
