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
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import SplitResult, urljoin, urlsplit

from pileus.image.config import ImageConfig
from pileus.image.errors import AddressRefused, DownloadFailed
from pileus.image.wire import PORTS, Answer, Unspoken, ask

REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 5
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
    async with download(uri, config) as answer:
        async for block in answer.blocks():
            yield block


@asynccontextmanager
async def download(uri: str, config: ImageConfig, headers: Mapping[str, str] | None = None) -> AsyncIterator[Answer]:
    """The answer of an address, or of where it is moved to. Raises AddressRefused or DownloadFailed."""
    for _ in range(MOST_REDIRECTS + 1):
        parts = check(uri, config)
        address = await _resolve(parts, config)
        try:
            async with ask("GET", uri, headers, address=address) as answer:
                moved = answer.headers.get("location")
                if answer.status in REDIRECTS and moved is not None:
                    uri = urljoin(uri, moved)
                    continue
                if answer.status not in (200, 206):
                    raise DownloadFailed(why=f"{parts.hostname} answered {answer.status}")
                yield answer
                return
        except Unspoken as broken:
            raise DownloadFailed(why=f"{parts.hostname} does not speak HTTP, or stopped in the middle") from broken
        except OSError as broken:
            raise DownloadFailed(why=f"{parts.hostname} cannot be reached, or the connection broke") from broken
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
