"""HTTP/1.1 with one guest: requests one after the other, as long as they keep within the limits."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from http import HTTPStatus

import h11

from pileus.core.errors import CloudError
from pileus.network.datapath.base import Listen
from pileus.network.metadata.model import Answer, Limits, MetadataRequest, MetadataResponse

log = logging.getLogger(__name__)

CHUNK = 4096                                # small, because h11 compares what it has with its limit after each chunk
HANG_UP_TIMEOUT_S, HANG_UP_CHUNKS = 1, 16

NOT_ALLOWED = MetadataResponse(status=405, body=b"Only GET and POST are allowed.\n")
TOO_LONG = MetadataResponse(status=414, body=b"The path is too long.\n")
UNEXPECTED_BODY = MetadataResponse(status=400, body=b"A GET has no body.\n")
TOO_LARGE = MetadataResponse(status=413, body=b"The body is too large.\n")
BROKEN = MetadataResponse(status=500, body=b"The metadata service failed.\n")
TOO_SLOW = MetadataResponse(status=504, body=b"The metadata service did not answer in time.\n")


async def serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listen: Listen, answer: Answer, limits: Limits
) -> None:
    """Answer the requests of one connection. Ends quietly when the guest goes, is too slow, or speaks something else."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.head_bytes)
    source_ip = writer.get_extra_info("peername")[0]
    try:
        for left in range(limits.requests, 0, -1):
            async with asyncio.timeout(limits.head_timeout_s):
                request = await _next(connection, reader)
            if request is None:
                break
            response = _refusal(request, limits)
            if response is None:
                async with asyncio.timeout(limits.head_timeout_s):
                    body = await _body(connection, reader, limits) if request.method == b"POST" else b""
                response = TOO_LARGE if body is None else await _respond(request, body, listen, source_ip, answer, limits)
            # What follows an unread body is not a request: the conversation ends there.
            last = left == 1 or response in (UNEXPECTED_BODY, NOT_ALLOWED, TOO_LARGE)
            async with asyncio.timeout(limits.send_timeout_s):
                await _send(connection, writer, response, last=last, bodiless=request.method == b"HEAD")
            if last or connection.our_state is h11.MUST_CLOSE or not await _finished(connection, reader, limits):
                break
            connection.start_next_cycle()
        await _hang_up(reader, writer)
    except h11.RemoteProtocolError as error:
        with suppress(TimeoutError, OSError):
            await _refuse(connection, writer, error)
            await _hang_up(reader, writer)
    except (TimeoutError, OSError):
        pass
    finally:
        writer.close()


async def _next(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
    """The next request's head; None when the guest has no more."""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            return event
        if isinstance(event, h11.ConnectionClosed):
            return None
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(CHUNK))


def _refusal(request: h11.Request, limits: Limits) -> MetadataResponse | None:
    """Why nobody is asked, if it is so. By the request's head alone."""
    headers = {name: value for name, value in request.headers}
    if request.method not in (b"GET", b"POST"):
        return NOT_ALLOWED
    if request.method == b"GET" and (b"transfer-encoding" in headers or headers.get(b"content-length", b"0").strip(b"0")):
        return UNEXPECTED_BODY
    return TOO_LONG if len(request.target) > limits.path_length else None


async def _body(connection: h11.Connection, reader: asyncio.StreamReader, limits: Limits) -> bytes | None:
    """The request's body; None when it is larger than it may be."""
    body = b""
    while len(body) <= limits.body_bytes:
        event = connection.next_event()
        if isinstance(event, h11.EndOfMessage):
            return body
        if isinstance(event, h11.Data):
            body += event.data
        elif event is h11.NEED_DATA:
            connection.receive_data(await reader.read(CHUNK))
    return None


async def _respond(
    request: h11.Request, body: bytes, listen: Listen, source_ip: str, answer: Answer, limits: Limits
) -> MetadataResponse:
    path, query = _target(request.target.decode("ascii"))
    asked = MetadataRequest(
        method=request.method.decode(),
        body=body,
        source_ip=source_ip,
        path=path,
        query=query,
        network_id=listen.network_id,
        router_id=listen.router_id,
    )
    try:
        async with asyncio.timeout(limits.answer_timeout_s):
            return await answer(asked)
    except TimeoutError:
        return TOO_SLOW
    except CloudError as error:
        return MetadataResponse(status=error.status, body=f"{error}\n".encode())
    except Exception:
        log.exception("metadata: no answer for %s", path)
        return BROKEN


def _target(target: str) -> tuple[str, str]:
    """Path and query of a request target; a proxy's client sends a whole URL."""
    if "://" in target.split("?")[0]:
        target = "/" + target.partition("://")[2].partition("/")[2]
    path, _, query = target.partition("?")
    return path if path.startswith("/") else "/" + path, query


async def _send(
    connection: h11.Connection, writer: asyncio.StreamWriter, response: MetadataResponse, *, last: bool, bodiless: bool = False
) -> None:
    body = b"" if bodiless else response.body
    headers = [
        ("Content-Type", response.content_type),
        ("Content-Length", str(len(response.body))),
        *([("Allow", "GET, POST")] if response is NOT_ALLOWED else []),
        *([("Connection", "close")] if last else []),
    ]
    reason = HTTPStatus(response.status).phrase.encode()
    head = h11.Response(status_code=response.status, reason=reason, headers=headers)
    events = (head, h11.Data(data=body), h11.EndOfMessage())
    writer.write(b"".join(connection.send(event) or b"" for event in events))
    await writer.drain()


async def _hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say that it is over, and hear out a little: closing with bytes unread resets the connection, and the last answer with it."""
    writer.write_eof()
    async with asyncio.timeout(HANG_UP_TIMEOUT_S):
        for _ in range(HANG_UP_CHUNKS):
            if not await reader.read(CHUNK):
                break


async def _finished(connection: h11.Connection, reader: asyncio.StreamReader, limits: Limits) -> bool:
    """Whether the request that was answered has ended, and another may follow."""
    async with asyncio.timeout(limits.head_timeout_s):
        while connection.their_state is h11.SEND_BODY:
            if connection.next_event() is h11.NEED_DATA:
                connection.receive_data(await reader.read(CHUNK))
    return connection.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}


async def _refuse(connection: h11.Connection, writer: asyncio.StreamWriter, error: h11.RemoteProtocolError) -> None:
    """Say why what came is no HTTP request, if there is still somebody to say it to."""
    if connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
        response = MetadataResponse(status=error.error_status_hint, body=f"{error}\n".encode())
        await _send(connection, writer, response, last=True)
