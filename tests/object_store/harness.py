"""An object store in this process, in virtual time, and callers of it.

    async def test_something(store):
        alice = store.as_("alice")
        await alice.put("/c")
        assert (await alice.put("/c/o", b"hello")).status == 201

Paths begin below the caller's account; those that begin with `//` are taken as they are, without the first slash.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from pileus.core.clock import Clock, VirtualClock
from pileus.core.context import Context
from pileus.core.errors import Unauthenticated
from pileus.core.ids import Ids
from pileus.object_store.config import ObjectStoreConfig
from pileus.object_store.pipeline.identity import Signed, Signer
from pileus.object_store.service import ObjectStore
from tests.wire import pieces, send


class Answer:
    def __init__(self, status: int, headers: dict[str, str], data: bytes):
        self.status, self.headers, self.data = status, headers, data

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        return json.loads(self.data)

    def __repr__(self) -> str:
        return f"<{self.status} {self.headers} {self.data[:200]!r}>"


def in_memory() -> str | None:
    """A folder in memory, where there is a large one: what is tested is processes that die, not disks."""
    return "/dev/shm" if os.path.isdir("/dev/shm") and shutil.disk_usage("/dev/shm").free > 1 << 30 else None


class TestStore:
    """Enter it with `async with`, or take it as the fixture `store`. `config`: options of [object_store]."""

    __test__ = False

    def __init__(self, *, real_time: bool = False, seed: int = 1, **config: Any):
        defaults = {"threads": 0, "fsync": "never"} | config
        self.config = msgspec.convert(defaults, ObjectStoreConfig)
        self.folder = Path(tempfile.mkdtemp(prefix="pileus-test-", dir=in_memory()))
        self.clock = Clock() if real_time else VirtualClock()
        self.seed, self.callers, self.signers = seed, dict[str, Context](), dict[str, Signer]()

    async def __aenter__(self) -> TestStore:
        self.objects = ObjectStore(self.config, self.folder, self.clock, Ids(self.seed), self.identify, signers=self.signer)
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.objects.stop()
        shutil.rmtree(self.folder)

    async def identify(self, token: str, service_token: str | None = None, *, request_id: str = "", method: str, path: str) -> Context:
        if token not in self.callers:
            raise Unauthenticated()
        who = self.callers[token]
        if service_token:
            who = msgspec.structs.replace(who, service_roles=self.callers[service_token].roles)
        return who

    async def signer(self, access: str, signed: Signed, *, request_id: str = "") -> Signer | None:
        return self.signers.get(access)

    def as_(self, user: str = "alice", *, project: str = "", roles: tuple[str, ...] = ("member", "reader"), **headers: str) -> Caller:
        """A caller of a project (his own, when none is named) with a token."""
        project = project or user
        token = f"{user}:{project}:{','.join(roles)}"
        self.callers[token] = Context(user_id=user, user_name=user, project_id=project, project_name=project, user_domain_id="default",
                                      project_domain_id="default", roles=frozenset(roles))
        return Caller(self, f"/v1/{self.config.reseller_prefix}{project}", {"x-auth-token": token} | headers)

    def anonymous(self, account: str = "AUTH_alice") -> Caller:
        return Caller(self, f"/v1/{account}", {})

    def files(self, kind: str = "data") -> list[Path]:
        """The files of objects on all devices."""
        return sorted((self.folder / "devices").glob(f"*/objects*/*/*/*/*.{kind}"))


class Caller:
    def __init__(self, store: TestStore, root: str, headers: dict[str, str]):
        self.store, self.root, self.headers = store, root, headers

    async def request(self, method: str, path: str = "", body: bytes | AsyncIterator[bytes] | None = None, **headers: str) -> Answer:
        path, _, query = path.partition("?")
        full = path[1:] if path.startswith("//") else self.root + path
        sent = self.headers | {n.replace("_", "-").lower(): v for n, v in headers.items()}
        chunks = pieces() if body is None else pieces(body) if isinstance(body, bytes) else body
        if isinstance(body, bytes):
            sent.setdefault("content-length", str(len(body)))
        elif body is not None:
            sent.setdefault("transfer-encoding", "chunked")
        elif method == "PUT":
            sent.setdefault("content-length", "0")
        raw = (quote(full) if "%" not in full else full).encode()
        scope = {"type": "http", "method": method, "path": unquote(raw.decode(), errors="replace"), "raw_path": raw, "scheme": "http",
                 "query_string": query.encode(), "client": ("192.0.2.1", 4711),
                 "headers": [(n.encode(), v.encode("utf-8", "surrogateescape")) for n, v in sent.items()]}
        got = await send(self.store.objects.app, method, full, chunks, scope=scope)
        return Answer(got.status, {n.lower(): v for n, v in got.headers.items()}, got.data)

    async def get(self, path: str = "", **headers: str) -> Answer:
        return await self.request("GET", path, **headers)

    async def head(self, path: str = "", **headers: str) -> Answer:
        return await self.request("HEAD", path, **headers)

    async def put(self, path: str = "", body: bytes | AsyncIterator[bytes] | None = None, **headers: str) -> Answer:
        return await self.request("PUT", path, body, **headers)

    async def post(self, path: str = "", body: bytes | AsyncIterator[bytes] | None = None, **headers: str) -> Answer:
        return await self.request("POST", path, body, **headers)

    async def delete(self, path: str = "", **headers: str) -> Answer:
        return await self.request("DELETE", path, **headers)

    async def names(self, path: str = "", **headers: str) -> list[str]:
        """The names of a listing."""
        got = await self.get(path + ("&" if "?" in path else "?") + "format=json", **headers)
        assert got.status == 200, got
        return [row.get("name") or row["subdir"] for row in got.json]
