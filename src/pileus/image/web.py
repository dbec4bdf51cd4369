"""Downloads on behalf of users, who would like to see what this host can reach and they cannot (OSSA-2026-004).

Every address, those of redirects included, is held against the rules before anything connects to it; a name is resolved once,
all its addresses are checked, and the one that was checked is the one that is connected to, so a name that changes its mind
changes nothing. Numbers that only a resolver takes for an address (0x7f.1, 2130706433) are no addresses.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urljoin, urlsplit

from pileus.image.config import ImageConfig
from pileus.image.errors import AddressRefused, DownloadFailed

if TYPE_CHECKING:
    import h11

PORTS = {"http": 80, "https": 443}
REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 5
BLOCK = 1 << 18
NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
NAT64 = ipaddress.ip_network("64:ff9b::/96")


def check(uri: str, config: ImageConfig) -> SplitResult:
    """The parts of an address that may be asked, as far as it can be said without resolving it. Raises AddressRefused."""
    try:
        parts = urlsplit(uri)
        host, port = (parts.hostname or "").rstrip("."), parts.port or PORTS.get(parts.scheme, 0)
    except ValueError as problem:
        raise AddressRefused(uri=uri, why="it is not an address") from problem
    why = None
    if parts.scheme not in config.web_schemes or parts.scheme not in PORTS:
        why = "its scheme is not allowed"
    elif not host or not uri.isascii() or re.search(r"[\s\\\x00-\x20\x7f]", uri):
        why = "it is not an address"
    elif parts.username is not None or parts.password is not None:
        why = "it has a user"
    elif config.web_ports and port not in config.web_ports:
        why = "its port is not allowed"
    elif host in config.web_denied_hosts or (config.web_hosts and host not in config.web_hosts):
        why = "its host is not allowed"
    elif NUMBER.fullmatch(host.rpartition(".")[2]) and not _is_address(host):
        why = "its host is written as a number"
    elif _is_address(host) and host not in config.web_hosts and not public(host):
        why = "its host is not a public one"
    if why is not None:
        raise AddressRefused(uri=uri, why=why)
    return parts


async def fetch(uri: str, config: ImageConfig) -> AsyncGenerator[bytes, None]:
    """The bytes at an address. Raises AddressRefused or DownloadFailed."""
    import h11

    for _ in range(MOST_REDIRECTS + 1):
        parts = check(uri, config)
        address = await _resolve(parts, config)
        reader, writer = await _connect(parts, address)
        try:
            wire = h11.Connection(h11.CLIENT)
            moved = await _ask(parts, wire, reader, writer)
            if moved is not None:
                uri = urljoin(uri, moved)
                continue
            async for block in _body(wire, reader):
                yield block
            return
        except h11.ProtocolError as broken:
            raise DownloadFailed(why=f"{parts.hostname} does not speak HTTP, or stopped in the middle") from broken
        except (OSError, EOFError) as broken:
            raise DownloadFailed(why="the connection broke") from broken
        finally:
            writer.close()
    raise DownloadFailed(why="it is moved too often")


def public(host: str) -> bool:
    """Whether an address is one of the whole Internet's, and does not hide one that is not."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        hidden = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in NAT64:
            hidden = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if hidden is not None:
            return public(str(hidden))
        if int(address) >> 32 == 0:                                        # ::a.b.c.d
            return False
    return address.is_global and not address.is_multicast


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def _resolve(parts: SplitResult, config: ImageConfig) -> str:
    host = (parts.hostname or "").rstrip(".")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as unknown:
        raise DownloadFailed(why=f"{host} has no address") from unknown
    addresses = [str(entry[4][0]) for entry in found]
    if host not in config.web_hosts and not all(public(address) for address in addresses):
        raise AddressRefused(uri=parts.geturl(), why="its host is not a public one")
    return addresses[0]


async def _connect(parts: SplitResult, address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    secure: dict = {}
    if parts.scheme == "https":
        import ssl

        secure = {"ssl": ssl.create_default_context(), "server_hostname": parts.hostname}
    try:
        return await asyncio.open_connection(address, parts.port or PORTS[parts.scheme], limit=BLOCK, **secure)
    except OSError as refused:
        raise DownloadFailed(why=f"{parts.hostname} cannot be reached") from refused


async def _ask(parts: SplitResult, wire: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str | None:
    """Ask for it; returns where it is instead, or None when its bytes follow."""
    import h11

    headers = [("Host", parts.netloc), ("User-Agent", "pileus"), ("Accept-Encoding", "identity"), ("Connection", "close")]
    target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
    asked = wire.send(h11.Request(method="GET", target=target, headers=headers)), wire.send(h11.EndOfMessage())
    writer.write(b"".join(part or b"" for part in asked))
    await writer.drain()
    answer = await _next(wire, reader)
    while not isinstance(answer, h11.Response):                            # 1xx: the answer is still to come
        answer = await _next(wire, reader)
    moved = dict(answer.headers).get(b"location")
    if answer.status_code in REDIRECTS and moved is not None:
        return moved.decode("latin-1")
    if answer.status_code != 200:
        raise DownloadFailed(why=f"{parts.hostname} answered {answer.status_code}")
    return None


async def _body(wire: h11.Connection, reader: asyncio.StreamReader) -> AsyncGenerator[bytes, None]:
    import h11

    while isinstance(event := await _next(wire, reader), h11.Data):
        yield bytes(event.data)


async def _next(wire: h11.Connection, reader: asyncio.StreamReader) -> Any:
    """The next event. Raises EOFError when the other side has ended where none can end."""
    import h11

    while (event := wire.next_event()) is h11.NEED_DATA:
        wire.receive_data(await reader.read(BLOCK))
    if isinstance(event, h11.ConnectionClosed):
        raise EOFError
    return event
