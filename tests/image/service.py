"""The image service behind HTTP, in virtual time: what the tests of this folder speak to."""

import asyncio
import json
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

from pileus.image.api import API
from pileus.image.api.patch import NEW
from pileus.image.backends.config import FileConfig
from pileus.image.config import ImageConfig
from pileus.image.policy import DEFAULTS
from pileus.image.service import Images
from tests.harness import Harness, make_kit
from tests.wire import send

ROOT = "/image/v2/images"
RAW = {"disk_format": "raw", "container_format": "bare"}
BINARY = {"Content-Type": "application/octet-stream"}


class Glance(SimpleNamespace):
    """A service on a fresh database and an empty folder, with its callers."""

    images: Images
    folder: Path

    def admin(self, **kw):
        return self.harness.as_("admin", **kw)

    def member(self, project="p1", **kw):
        return self.harness.as_("member", project=project, **kw)

    def reader(self, project="p1", **kw):
        return self.harness.as_("reader", project=project, **kw)

    async def make(self, caller=None, **fields):
        got = await (caller or self.member()).post(ROOT, {"name": "i"} | RAW | fields)
        assert got.status == 201, got.text
        return got.json

    async def upload(self, id, data, caller=None):
        return await (caller or self.member()).put(f"{ROOT}/{id}/file", body=data, headers=BINARY)

    async def send(self, id, chunks, project="p1", headers=None, path="file", **kw):
        """Upload what an asynchronous iterator gives, when it gives it; with `cut` the connection breaks at its end."""
        token = self.member(project).token
        got = await send(self.harness.app, "PUT", f"{ROOT}/{id}/{path}", chunks, {"X-Auth-Token": token} | BINARY | (headers or {}), **kw)
        got.json = json.loads(got.data) if got.data else None
        return got

    async def filled(self, data=b"bytes", caller=None, **fields):
        """An active image."""
        image = await self.make(caller, **fields)
        got = await self.upload(image["id"], data, caller)
        assert got.status == 204, got.text
        return await self.show(image["id"], caller)

    async def show(self, id, caller=None):
        got = await (caller or self.member()).get(f"{ROOT}/{id}")
        return got.json if got.status == 200 else None

    async def patch(self, id, *changes, caller=None, kind=NEW):
        body = json.dumps(list(changes)).encode()
        return await (caller or self.member()).patch(f"{ROOT}/{id}", body=body, headers={"Content-Type": kind})

    async def clock_on(self, seconds):
        await asyncio.sleep(seconds)

    async def names(self, query="", caller=None):
        got = await (caller or self.member()).get(f"{ROOT}?{query}")
        assert got.status == 200, got.text
        return [image["name"] for image in got.json["images"]]

    def files(self, store="images"):
        """Everything in a store's folder."""
        return sorted(path.name for path in (self.folder.parent / store).iterdir())


@asynccontextmanager
async def glance(url="sqlite://", files=(), identity=None, **options):
    """`files` are the names of stores, each with a folder of its name."""
    with tempfile.TemporaryDirectory(prefix="pileus-image-") as state:
        if files:
            options["stores"] = {name: FileConfig(folder=f"{state}/{name}") for name in files} | options.get("stores", {})
        kit = await make_kit(DEFAULTS, url)
        images = Images(kit, ImageConfig(**({"hash_threads": 0} | options)), Path(state), identity=identity)
        await images.start()
        yield Glance(kit=kit, images=images, folder=Path(state) / "images", harness=Harness([API], kit, SimpleNamespace(image=images)))
        await kit.sagas.stop()
        await kit.db.close()
