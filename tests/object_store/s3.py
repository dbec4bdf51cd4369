"""boto3 against an object store in this process: no sockets, but everything that a client does.

    async with TestStore(real_time=True) as store:
        s3 = boto(store)
        await s3("create_bucket", Bucket="photos")

Tests that use it are marked `realtime`: botocore has its own clock, and its calls are made in threads.
"""

from __future__ import annotations

import asyncio
import io
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
import botocore.awsrequest
import botocore.config
import botocore.exceptions

from pileus.object_store.pipeline.identity import Signer
from tests.object_store.harness import TestStore
from tests.wire import pieces, send

HOST = "s3.test"


def give_key(store: TestStore, user: str = "alice", *, project: str = "", roles: tuple[str, ...] = ("member", "reader")) -> tuple[str, str]:
    """An access key of a caller, and its secret."""
    store.as_(user, project=project, roles=roles)
    access = f"{user}-{project or user}"
    token = f"{user}:{project or user}:{','.join(roles)}"
    store.signers[access] = Signer(secret=f"secret of {access}", who=store.callers[token])
    return access, f"secret of {access}"


def boto(store: TestStore, user: str = "alice", *, signature: str = "s3v4", secret: str = "", **more: Any) -> Boto:
    access, right = give_key(store, user, **more)
    return Boto(store, access, secret or right, signature)


class Boto:
    """Call it with the name of one of boto3's methods. Raises botocore's ClientError."""

    def __init__(self, store: Any, access: str, secret: str, signature: str):
        """`store`: whatever has an ASGI application at `objects.app`."""
        self.store = store
        config = botocore.config.Config(signature_version=signature, s3={"addressing_style": "path"},
                                        retries={"max_attempts": 0, "mode": "standard"})
        self.client = boto3.client("s3", endpoint_url=f"http://{HOST}/s3", region_name="RegionOne", aws_access_key_id=access,
                                   aws_secret_access_key=secret, config=config)
        self.client.meta.events.register("before-send.s3", self._send)
        self.loop: asyncio.AbstractEventLoop | None = None
        #: Called with each request before it is sent: tests forge what boto3 signed.
        self.forge: Any = None

    async def __call__(self, method: str, **arguments: Any) -> dict[str, Any]:
        self.loop = asyncio.get_running_loop()
        return await asyncio.to_thread(self._call, method, arguments)

    def _call(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer = getattr(self.client, method)(**arguments)
        if "Body" in answer:
            answer["Body"] = answer["Body"].read()
        return answer

    async def refused(self, method: str, **arguments: Any) -> str:
        """The code of the error that a call has to end with."""
        try:
            answer = await self(method, **arguments)
        except botocore.exceptions.ClientError as error:
            return error.response["Error"]["Code"]
        raise AssertionError(f"{method} was not refused: {answer}")

    def _send(self, request: Any, **_: Any) -> Any:
        if self.forge is not None:
            self.forge(request)
        assert self.loop is not None
        status, headers, data = asyncio.run_coroutine_threadsafe(call(self.store, request), self.loop).result(60)
        return botocore.awsrequest.AWSResponse(request.url, status, botocore.awsrequest.HeadersDict(headers), Raw(data))


class Raw(io.BytesIO):
    def stream(self, amount: int = 65536, **_: Any):
        while data := self.read(amount):
            yield data


async def call(store: Any, request: Any) -> tuple[int, dict[str, str], bytes]:
    """Send a request of botocore's."""
    body = request.body
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else body.read() if body is not None else None
    return await raw(store, request.method, request.url, dict(request.headers.items()), data)


async def raw(store: Any, method: str, url: str, headers: dict[str, Any],
              data: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(url)
    sent = {name.lower(): value.encode() if isinstance(value, str) else value for name, value in headers.items()}
    sent.setdefault("host", parts.netloc.encode())
    if data is not None and "transfer-encoding" not in sent:
        sent.setdefault("content-length", str(len(data)).encode())
    scope = {"type": "http", "method": method, "path": unquote(parts.path), "raw_path": parts.path.encode(), "scheme": "http",
             "query_string": parts.query.encode(), "client": ("192.0.2.1", 4711), "headers": [(n.encode(), v) for n, v in sent.items()]}
    chunks = pieces(*(data[at : at + 50_000] for at in range(0, len(data), 50_000))) if data else pieces()
    got = await send(store.objects.app, method, parts.path, chunks, scope=scope)
    return got.status, got.headers, got.data
