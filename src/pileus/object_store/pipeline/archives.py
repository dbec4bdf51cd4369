"""`PUT ?extract-archive=tar|tar.gz|tar.bz2`: the files of an archive become objects, as they come by.

An archive is read as a stream and never unpacked to a disk; what its entries are called never leaves the path of the request,
and links and devices in it are passed over. (Object Storage API reference, "Extract archive".)
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
import tarfile
from collections.abc import AsyncIterator
from typing import IO, Any
from urllib.parse import quote

from pileus.object_store.pipeline import report
from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.wire.body import CHUNK, stream
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain, reason

MODES = {"tar": "r|", "tar.gz": "r|gz", "tgz": "r|gz", "tar.bz2": "r|bz2", "tbz": "r|bz2"}
KEPT = ("x-delete-at", "x-delete-after", "content-type")


class ExtractArchive(Feature):
    def info(self) -> dict[str, Any]:
        config = self.store.config.bulk
        return {"bulk_upload": {"max_containers_per_extraction": config.max_containers,
                                "max_failed_extractions": config.max_failed_extractions}}

    def concerns(self, req: Request) -> bool:
        return req.method == "PUT" and "extract-archive" in req.query and "extract-archive" in req.params

    async def __call__(self, req: Request) -> Response:
        wanted = req.params["extract-archive"]
        try:
            _, account, container, prefix = req.split(2, 4)
        except ValueError:
            return plain(404)
        if wanted not in MODES:
            return plain(400, "Unsupported archive format")
        if req.length is None and req.header("transfer-encoding") != "chunked":
            return plain(411)
        root = "/".join(["", str(account), *([container] if container else []), *([prefix.rstrip("/")] if prefix else [])])
        work = Extraction(self, req, f"/v1{root}")
        return await work.run(MODES[wanted])


class Extraction:
    """One archive. `tarfile` reads in a thread, from a pipe that the request's body is written into."""

    def __init__(self, feature: Feature, req: Request, root: str):
        self.feature, self.req, self.root, self.config = feature, req, root, feature.store.config.bulk
        self.made, self.errors, self.containers = 0, list[tuple[str, str]](), set[str]()
        self.status, self.text = 201, ""

    async def run(self, mode: str) -> Response:
        out, into = os.pipe()
        feeding = asyncio.ensure_future(self._feed(into))
        source = os.fdopen(out, "rb")
        try:
            archive = await asyncio.to_thread(_opened, source, mode)
            while self.status == 201 and (entry := await asyncio.to_thread(archive.next)) is not None:
                if entry.isfile():
                    await self._store(archive, entry)
        except (tarfile.TarError, EOFError, OSError, ValueError) as problem:
            self.status, self.text = 400, f"Invalid Tar File: {problem}"
        finally:
            source.close()
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
        return self._told()

    async def _feed(self, into: int) -> None:
        try:
            async for chunk in self.req.body if self.req.body is not None else stream():
                await asyncio.to_thread(_write, into, chunk)
        finally:
            os.close(into)

    async def _store(self, archive: tarfile.TarFile, entry: tarfile.TarInfo) -> None:
        name = entry.name.removeprefix("./").lstrip("/")
        path = f"{self.root}/{name}"
        container = path.split("/", 4)[3]
        if path.count("/") < 4:
            return                                  # a file that lies where only containers are
        if container not in self.containers and not await self._contain(container):
            return
        file = archive.extractfile(entry)
        assert file is not None

        async def body() -> AsyncIterator[bytes]:
            while data := await asyncio.to_thread(file.read, CHUNK):
                yield data

        headers = {n: v for n, v in self.req.headers.items() if n in KEPT or n.startswith("x-object-meta-")}
        headers |= {"content-length": str(entry.size)} | _attributes(entry)
        got = await self.feature.app(self.req.child("PUT", path, headers, body=body(), source="EA"))
        await got.close()
        if got.status == 201:
            self.made += 1
        else:
            self._failed(name, got)

    async def _contain(self, container: str) -> bool:
        """Make a container that is written to for the first time."""
        if len(self.containers) >= self.config.max_containers:
            self.status, self.text = 400, f"More than {self.config.max_containers} containers to create from tar."
            return False
        account = "/".join(self.root.split("/", 3)[:3])
        if not (await self.feature.store.container_info(account.split("/")[2], container)).exists:
            got = await self.feature.app(self.req.child("PUT", f"{account}/{container}", {}, source="EA"))
            if not got.ok:
                self._failed(container, got)
                return False
        self.containers.add(container)
        return True

    def _failed(self, name: str, got: Response) -> None:
        self.errors.append((quote(name, errors="surrogateescape"), f"{got.status} {reason(got.status)}"))
        if got.status == 401:
            self.status = 401
        elif len(self.errors) >= self.config.max_failed_extractions:
            self.status, self.text = 400, "Max extraction failures exceeded"

    def _told(self) -> Response:
        status, text = self.status, self.text
        if status == 201 and self.errors:
            status = 400
        elif status == 201 and not self.made:
            status, text = 400, "Invalid Tar File: No Valid Files"
        facts = {"Number Files Created": self.made, "Response Status": f"{status} {reason(status)}", "Response Body": text}
        kind = report.kind_of(self.req)
        return Response(200, {"content-type": kind}, report.written(kind, facts, self.errors, "extract"))


def _opened(source: IO[bytes], mode: Any) -> tarfile.TarFile:
    """Reads the first of it."""
    return tarfile.open(fileobj=source, mode=mode)


def _write(into: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(into, view):]


def _attributes(entry: tarfile.TarInfo) -> dict[str, str]:
    """Extended attributes in the archive that stand for metadata."""
    found = {}
    for key, value in entry.pax_headers.items():
        name = key.removeprefix("SCHILY.xattr.").removeprefix("LIBARCHIVE.xattr.")
        if name == "user.mime_type":
            found["content-type"] = value
        elif name.startswith("user.meta."):
            found[f"x-object-meta-{name.removeprefix('user.meta.').lower()}"] = value
    return found
