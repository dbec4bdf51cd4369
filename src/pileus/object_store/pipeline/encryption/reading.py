"""What is read: decrypted while it goes by, any piece of it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from pileus.object_store.pipeline.encryption import cipher
from pileus.object_store.pipeline.encryption.cipher import Sealed, Undecipherable, opened, secret_of
from pileus.object_store.pipeline.encryption.keys import masked
from pileus.object_store.pipeline.encryption.names import BODY, ETAG, ETAG_MAC, LISTED, META, OF_BODY, OF_METADATA, SHOWN
from pileus.object_store.wire import conditional, multipart, ranges
from pileus.object_store.wire.body import Body, Wrapped, stream
from pileus.object_store.wire.message import Request, Response

if TYPE_CHECKING:
    from pileus.object_store.pipeline.encryption import Encryption

FIRST = re.compile(r"bytes (\d+)-")
CONDITIONS = ("if-match", "if-none-match")


async def show(feature: Encryption, req: Request, path: str) -> Response:
    """GET and HEAD. `path`: what the key is made for."""
    if req.method == "GET" and "," in req.header("range"):
        return await _several(feature, req, path)
    return _open(feature, await feature.app(_asking(feature, req, path)), path)


def _asking(feature: Encryption, req: Request, path: str) -> Request:
    """The request with preconditions that compare what lies there: masked by each key that it may have been masked with."""
    if not any(name in req.headers for name in CONDITIONS):
        return req
    asked = req.child(req.method, None, req.headers, query=req.query)
    asked.acl, asked.owner = req.acl, req.owner
    for name in (name for name in CONDITIONS if name in req.headers):
        etags = [part.strip().removeprefix("W/").strip('"') for part in req.headers[name].split(",")]
        also = [masked(etag, key) for etag in etags if etag != "*" for key in feature.keys.all_keys(path)]
        asked.headers[name] = ", ".join([*(etag if etag == "*" else f'"{etag}"' for etag in etags), *(f'"{mac}"' for mac in also)])
    conditional.ask_at(asked, ETAG_MAC)
    return asked


def _open(feature: Encryption, response: Response, path: str) -> Response:
    """An answer in the clear, without what belongs to the encryption. Raises Undecipherable."""
    keys, headers = feature.keys, response.headers
    if (listed := headers.get(LISTED)) is not None and (secret := secret_of(listed)) is not None:
        headers[LISTED] = opened(listed, keys.key("/".join(path.split("/", 3)[:3]), secret))
    kept = {name: value for name, value in headers.items() if name.startswith((OF_BODY, OF_METADATA))}
    if not kept:
        return response
    response.headers = {name: value for name, value in headers.items() if name not in kept}
    for name, value in kept.items():
        if name.startswith(META):
            response.headers[SHOWN + name.removeprefix(META)] = opened(value, keys.key(path, secret_of(value)))
    if ETAG in kept and response.status in (200, 206, 304, 412, 416):
        response.headers["etag"] = opened(kept[ETAG], keys.key(path, secret_of(kept[ETAG])))
    if BODY in kept and response.status in (200, 206) and response.body:
        sealed = Sealed.load(kept[BODY])
        found = FIRST.match(response.header("content-range"))
        response.body = Wrapped(_clear(response.body, _stream_of(feature, sealed, path, int(found[1]) if found else 0)), response.body)
    return response


def _stream_of(feature: Encryption, sealed: Sealed, path: str, offset: int) -> Any:
    try:
        wrapped, key_iv, iv = (b64decode(text, validate=True) for text in (sealed.key, sealed.key_iv, sealed.iv))
    except ValueError as problem:
        raise Undecipherable("what belongs to the encryption is damaged") from problem
    key = cipher.stream(feature.keys.key(path, sealed.secret), key_iv).update(wrapped)
    return cipher.stream(key, iv, offset)


async def _clear(body: Body, decryptor: Any) -> AsyncGenerator[bytes]:
    async with aclosing(stream(body) if isinstance(body, bytes) else body) as chunks:  # type: ignore[type-var]
        async for chunk in chunks:
            yield decryptor.update(chunk)


async def _several(feature: Encryption, req: Request, path: str) -> Response:
    """Several pieces: each is read and decrypted by itself."""
    headers = {name: value for name, value in req.headers.items() if name != "range"}
    head = await show(feature, req.child("HEAD", None, headers, query=req.query), path)
    pieces = ranges.parse(req.header("range"), head.length or 0) if head.status == 200 else None
    await head.close()
    if not pieces or len(pieces) == 1 or not multipart.sensible(pieces):
        return _open(feature, await feature.app(_asking(feature, req, path)), path)     # it is given in one piece, or not at all
    size, kind, boundary = head.length or 0, head.header("content-type"), feature.store.ids.hex()
    told = head.headers | {"content-length": str(multipart.length(pieces, size, kind, boundary)),
                           "content-type": f"multipart/byteranges;boundary={boundary}"}

    async def read(start: int, length: int) -> AsyncGenerator[bytes]:
        wanted = {"range": f"bytes={start}-{start + length - 1}", "if-match": head.header("etag")}
        got = await show(feature, req.child("GET", None, wanted, query=req.query), path)
        if got.status != 206:
            await got.close()
            raise OSError("an object has changed while it was read")
        async with aclosing(stream(got.body) if isinstance(got.body, bytes) else got.body) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                yield chunk

    return Response(206, told, multipart.body(pieces, size, kind, boundary, read))
