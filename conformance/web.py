"""A web server on the loopback interface with the images that the suite wants to download, as a public one would serve them."""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import struct
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = "127.0.0.1"
RAW, QCOW2 = "/disk.raw", "/disk.qcow2"
CLUSTER = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Web:
    """Where the images are."""

    raw: str
    qcow2: str


def qcow2(virtual_size: int = 1 << 20) -> bytes:
    """A disk full of zeros: header, table of refcounts, refcounts, L1 table, a cluster each."""
    header = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 3, 0, 0, 16, virtual_size, 0, 1, 3 * CLUSTER, CLUSTER, 1, 0, 0)
    header += struct.pack(">QQQII", 0, 0, 0, 4, 104) + bytes(8)
    clusters = header, struct.pack(">Q", 2 * CLUSTER), struct.pack(">4H", 1, 1, 1, 1), b""
    return b"".join(cluster.ljust(CLUSTER, b"\0") for cluster in clusters)


@contextlib.contextmanager
def serving(files: Mapping[str, bytes] | None = None) -> Iterator[Web]:
    """Serve files, by path, until the block is left."""
    found = {RAW: b"an image of no format\n" * 1000, QCOW2: qcow2()} if files is None else files

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.do_HEAD()
            self.wfile.write(found.get(self.path, b""))

        def do_HEAD(self) -> None:
            self.send_response(200 if self.path in found else 404)
            self.send_header("Content-Length", str(len(found.get(self.path, b""))))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """The suite's own report is enough."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        root = f"http://{HOST}:{server.server_port}"
        try:
            yield Web(raw=root + RAW, qcow2=root + QCOW2)
        finally:
            server.shutdown()
