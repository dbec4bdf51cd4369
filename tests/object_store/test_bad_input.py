"""What clients send that is wrong, as bytes on a socket: it has the documented status, never a 500, and leaves nothing behind."""

import asyncio
import gzip
import hashlib
import hmac
import io
import os
import tarfile
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pileus.core.http.server import Server
from tests.object_store.harness import TestStore
from tests.ports import free_port

pytestmark = pytest.mark.realtime

USER = {"account": "test", "user": "tester", "key": "testing", "groups": [".admin"]}
ACCOUNT, MOST = "/v1/AUTH_test", 300_000


class Wire:
    """A store behind a port, and somebody who writes to it what no client's library would."""

    def __init__(self, store: TestStore, port: int):
        self.store, self.port, self.token = store, port, ""

    async def raw(self, data: bytes, *, end: bool = False) -> tuple[int, bytes]:
        """The status (0: it was hung up) and what came after the first line."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            if end:
                writer.write_eof()
            line = await asyncio.wait_for(reader.readline(), 20)
            rest = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20) if line else b""
            return (int(line.split()[1]) if line else 0), rest
        except (OSError, asyncio.IncompleteReadError):
            return 0, b""
        finally:
            writer.transport.abort()

    async def ask(self, method: str, path: bytes | str, headers: dict[str, bytes | str] | None = None, body: bytes = b"", *,
                  length: str | None = None, end: bool = False, token: bool = True) -> int:
        """`length`: what Content-Length says instead of the truth; empty: it is not there."""
        lines = [method.encode() + b" " + _bytes(path) + b" HTTP/1.1", b"Host: x"]
        lines += [b"X-Auth-Token: " + self.token.encode()] if token else []
        lines += [name.encode() + b": " + _bytes(value) for name, value in (headers or {}).items()]
        told = str(len(body)) if length is None else length
        lines += [b"Content-Length: " + told.encode()] if told and (body or method in ("PUT", "POST")) else []
        return (await self.raw(b"\r\n".join(lines) + b"\r\n\r\n" + body, end=end))[0]

    async def s3(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None, *, sha: str = "",
                 query: str = "") -> int:
        """As an owner of a key signs it."""
        stamp, sha = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), sha or hashlib.sha256(body).hexdigest()
        known = {"host": "x", "x-amz-date": stamp, "x-amz-content-sha256": sha, **(headers or {})}
        signed, scope, key = ";".join(sorted(known)), f"{stamp[:8]}/RegionOne/s3/aws4_request", b"AWS4testing"
        told = "\n".join([method, path, query, "".join(f"{name}:{known[name]}\n" for name in sorted(known)), signed, sha])
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(told.encode()).hexdigest()])
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.new(key, text.encode(), "sha256").hexdigest()
        sent = {name: value for name, value in known.items() if name != "host"} | {
            "authorization": f"AWS4-HMAC-SHA256 Credential=test:tester/{scope}, SignedHeaders={signed}, Signature={signature}"}
        return await self.ask(method, path + ("?" + query if query else ""), sent, body, token=False)

    async def is_absent(self, *names: str) -> None:
        for name in names:
            assert await self.ask("HEAD", f"{ACCOUNT}/c/{name}") == 404, name

    def left(self) -> list[Path]:
        """Files that belong to nothing."""
        return [path for path in (self.store.folder / "devices").rglob("*") if path.is_file() and "tmp" in path.parts]


@asynccontextmanager
async def served():
    port = free_port()
    async with TestStore(real_time=True, threads=2, temp_auth={"users": [USER]}, limits={"max_file_size": MOST}) as store:
        server = Server(store.objects.app, "127.0.0.1", port)
        await server.start()
        await server.listening()
        wire = Wire(store, port)
        try:
            _, told = await wire.raw(b"GET /auth/v1.0 HTTP/1.1\r\nHost: x\r\nX-Auth-User: test:tester\r\nX-Auth-Key: testing\r\n\r\n")
            wire.token = told.split(b"x-auth-token: ")[1].split(b"\r\n")[0].decode()
            assert await wire.ask("PUT", ACCOUNT + "/c") == 201
            assert await wire.ask("PUT", ACCOUNT + "/c/o", body=b"hello world") == 201
            yield wire
            assert wire.left() == []
            assert await wire.ask("GET", ACCOUNT + "/c/o") == 200
        finally:
            await server.stop()


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


NAMES = ["%00", "a%00b", "%ff", "%c3%28", "%ed%a0%80", "a%0d%0aX:y", "%01", ".", "..", "../x", "%2e%2e", "%", "%zz", "+", "%20",
         "a;b",
         "%F0%9F%98%80", b"\xff\xfe", b"\xc3\xbc", "n" * 257, "o" * 1025, "p" * 70_000]


async def test_names():
    async with served() as wire:
        for name in NAMES:
            for method in ("GET", "HEAD", "PUT", "POST", "DELETE", "COPY", "OPTIONS"):
                for path in (b"/v1/AUTH_test/" + _bytes(name), b"/v1/AUTH_test/c/" + _bytes(name), b"/v1/" + _bytes(name)):
                    status = await wire.ask(method, path, body=b"x" if method == "PUT" else b"")
                    assert 200 <= status < 500, (method, path[:60], status)
        for path, status in (("/c/" + "o" * 1024, 201), ("/c/" + "o" * 1025, 400), ("/" + "n" * 257, 400), ("/c/%ff", 412),
                             ("/c/a%00b", 412)):
            assert await wire.ask("PUT", ACCOUNT + path, body=b"x") == status, path[:40]


#: Query strings that mean nothing, or too much.
QUERIES = ["limit=abc", "limit=-1", "limit=" + "9" * 30, "prefix=%ff", "marker=%00", "delimiter=%ff", "format=%ff", "path=%ff",
           "reverse=%ff",
           "a=b&" * 5000, "states=x&part-number=x", "versions&version_marker=x", "versions=true&marker=a&version_marker=abc",
           "part-number=0", "version-id=%00", "multipart-manifest=%ff", "symlink=%00", "temp_url_sig=x&temp_url_expires=y",
           "temp_url_sig=%ff&temp_url_expires=" + "9" * 30, "temp_url_sig=sha256:!!&temp_url_expires=2030-13-45T00:00:00Z"]


async def test_queries_and_methods():
    async with served() as wire:
        for query in QUERIES:
            for path in ("", "/c", "/c/o"):
                for method in ("GET", "HEAD"):
                    status = await wire.ask(method, f"{ACCOUNT}{path}?{query}")
                    assert 200 <= status < 500, (method, path, query[:60], status)
        for method in ("TRACE", "FOO", "PATCH", "REPLICATE", "UPDATE", "SSYNC", "COMMIT"):
            assert await wire.ask(method, ACCOUNT + "/c/o") == 405, method


#: Header → values that it cannot have. All of them are refused or mean nothing; what is kept is kept as it came.
HEADERS: dict[str, list[bytes | str]] = {
    "X-Object-Meta-A": ["b" * 300, b"\xff\xfe"], "X-Object-Meta-": ["", "x"], "X-Object-Meta-" + "a" * 200: ["b"],
    "X-Delete-At": ["abc", "-1", "1", "9" * 50, b"\xd9\xa3"], "X-Delete-After": ["abc", "-5", "9" * 40],
    "ETag": ["nonsense", b"\xff"],
    "Content-Type": [b"\xff", "a" * 9000], "Content-Encoding": [b"\xff"], "Content-Disposition": [b"\xff"],
    "Cache-Control": [b"\xff"],
    "X-Copy-From": ["x", "/", "/c", "/c/none", "%ff/%00", b"\xff/\xff"], "X-Object-Manifest": ["x", "c/%00", b"\xff/\xff", "?/&"],
    "X-Symlink-Target": ["x", "%ff/%00", b"c/\xff"], "X-Timestamp": ["abc"], "X-Backend-Storage-Policy-Index": ["9", "x"],
    "X-Container-Host": ["evil:80"], "If-None-Match": ["abc"], "X-Container-Read": [b"\xff", ".r:*,.rx:", "a" * 9000],
    "X-Container-Write": [".r:*", b"\xff"], "X-Container-Meta-Quota-Bytes": ["abc", "9" * 100],
    "X-Versions-Location": ["a/b", "%00", b"\xff"],
    "X-History-Location": [b"\xff"], "X-Container-Sync-To": ["garbage", b"\xff"], "X-Storage-Policy": ["nope", b"\xff"],
    "X-Container-Meta-Web-Index": [b"\xff"], "X-Account-Meta-Temp-Url-Key": [b"\xff"],
    "X-Account-Access-Control": ["{", '{"admin":5}', b"\xff", "[" * 5000],
    "Range": ["bytes=a-b", "bytes=" + "9" * 30 + "-", b"bytes=\xff"],
    "If-Modified-Since": ["garbage", "Thu, 99 Foo 9999 99:99:99 GMT"],
    "Accept": ["a" * 7000, ",".join(["a/b;q=0.1"] * 500), b"\xff"],
    "Origin": [b"\xff"], "Referer": [b"\xff"], "User-Agent": [b"\xff"], "Expect": ["200-maybe"],
    "Destination": ["x", "c/%ff", b"\xff/\xff"],
}


async def test_headers():
    async with served() as wire:
        for name, values in HEADERS.items():
            for value in values:
                for method in ("GET", "PUT", "POST", "COPY"):
                    for path in ("", "/new", "/c/new"):
                        beside = {"Destination": "c/other"} if method == "COPY" and name != "Destination" else {}
                        status = await wire.ask(method, ACCOUNT + path, beside | {name: value}, b"x" if method == "PUT" else b"")
                        assert 200 <= status < 500, (method, path, name, value[:40], status)
                assert await wire.ask("PUT", ACCOUNT + "/new/o") < 500 and await wire.ask("GET",
                                                                                          ACCOUNT + "/new?format=json") < 500, name
                for path in ("/new/o", "/new", "/c/new", "/c/other"):
                    assert await wire.ask("DELETE", ACCOUNT + path) in (204, 404, 409), (name, path)
        for name in ("Content-Type", "Content-Encoding", "Content-Disposition", "X-Object-Meta-A", "X-Object-Manifest"):
            for method in ("PUT", "POST"):
                assert await wire.ask(method, ACCOUNT + "/c/o", {name: b"\xff"}) == 400, (method, name)


#: A chunked body → what becomes of it: 499 is that of a client that does not finish.
CHUNKED = [b"zz\r\nabc\r\n0\r\n\r\n", b"-3\r\nabc\r\n0\r\n\r\n", b"3\r\nabcXX0\r\n\r\n", b"f" * 18 + b"\r\nabc", b"\r\n\r\n",
           b"3\nabc\n0\n\n",
           b"0x3\r\nabc\r\n0\r\n\r\n", b"3\r\nabc\r\n5\r\nab", b"3;" + b"e" * 70_000 + b"\r\nabc\r\n0\r\n\r\n"]


async def test_lengths_and_chunks():
    async with served() as wire:
        chunked = {"Transfer-Encoding": "chunked"}
        for number, body in enumerate(CHUNKED):
            assert await wire.ask("PUT", f"{ACCOUNT}/c/chunked{number}", chunked, body, length="", end=True) in (0, 400,
                                                                                                                 499), body[:20]
            await wire.is_absent(f"chunked{number}")
        for number, length in enumerate(("abc", "-1", "9" * 30, "1, 2")):
            assert await wire.ask("PUT", f"{ACCOUNT}/c/long{number}", length=length, body=b"x") == 400, length
            await wire.is_absent(f"long{number}")
        assert await wire.ask("PUT", ACCOUNT + "/c/more", length=str(MOST + 1), body=b"x") == 413
        assert await wire.ask("PUT", ACCOUNT + "/c/less", length="100", body=b"short", end=True) == 499
        assert await wire.ask("PUT", ACCOUNT + "/c/none", length="") == 411
        endless = b"".join(b"%x\r\n" % 50_000 + bytes(50_000) + b"\r\n" for _ in range(10))       # and no end of it
        assert await wire.ask("PUT", ACCOUNT + "/c/endless", chunked, endless, length="") == 413
        await wire.is_absent("more", "less", "none", "endless")


async def test_who_leaves_in_the_middle_leaves_nothing():
    async with served() as wire:
        await wire.is_absent("left")
        before = len(os.listdir("/proc/self/fd"))
        for number in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", wire.port)
            how = "Transfer-Encoding: chunked\r\n\r\n9c40" if number % 2 else "Content-Length: 100000\r\n\r\n"
            writer.write(f"PUT {ACCOUNT}/c/left HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {wire.token}\r\n{how}\r\n".encode() + bytes(40_000))
            await asyncio.sleep(0.02)
            writer.transport.abort()
        for _ in range(400):
            if len(os.listdir("/proc/self/fd")) <= before + 2:
                break
            await asyncio.sleep(0.05)
        assert len(os.listdir("/proc/self/fd")) <= before + 2
        await wire.is_absent("left")


MANIFESTS = [b"", b"{", b"[]", b"{}", b"null", b"[null]", b'["a"]', b'[{"path":1}]', b'[{"path":"x"}]', b'[{"path":"/c/none"}]',
             b'[{"path":"/c/o","size_bytes":"x"}]', b'[{"path":"/c/o","size_bytes":-1}]', b'[{"path":"/c/o","size_bytes":1e400}]',
             b'[{"path":"/c/o","etag":5}]', b'[{"path":"/c/o","range":"x"}]', b'[{"path":"/c/o","range":[]}]', b'[{"data":"!!"}]',
             b'[{"data":5}]',
             b'[{"data":"YQ=="}]', b'[{"path":"/c/o","x":1}]', b"\xff\xfe", b'[{"path":"/c/\\ud800"}]', b'[{"path":"/c/\\u0000"}]',
             b"[" * 100_000,
             b'[{"path":"/c/o"}' + b',{"path":"/c/o"}' * 2000 + b"]", b'[{"path":"/%ff/%00"}]',
             b'[{"path":"' + b"a" * 5000 + b'"}]']


async def test_manifests():
    async with served() as wire:
        for number, body in enumerate(MANIFESTS):
            status = await wire.ask("PUT", f"{ACCOUNT}/c/slo{number}?multipart-manifest=put", body=body)
            assert status in (400, 411, 413), (body[:40], status)
            await wire.is_absent(f"slo{number}")


def _archive(*names: str, kind: bytes = tarfile.REGTYPE) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for name in names:
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size = (kind, "", 3) if kind == tarfile.REGTYPE else (kind, "/etc/passwd", 0)
            made.addfile(member, io.BytesIO(b"abc"))
    return out.getvalue()


async def test_archives_and_lists_of_names():
    archives = [("tar", b""), ("tar", b"garbage" * 200), ("tar", _archive("a/b")[:700]), ("tar.gz", b"garbage"),
                ("tar.bz2", b"BZh9garbage"),
                ("tar", _archive("../../etc/x", "/abs/x", "c/../../y")), ("tar", _archive("c/link", kind=tarfile.SYMTYPE)),
                ("tar", _archive("c/device", kind=tarfile.CHRTYPE)), ("tar.gz", gzip.compress(_archive("c/cut"))[:-20]),
                ("zip", b"PK"),
                ("tar.gz", gzip.compress(bytes(30_000_000))), ("tar", _archive("c/\udcff"))]
    async with served() as wire:
        for kind, body in archives:
            for told in ("application/json", "text/xml"):
                status = await wire.ask("PUT", f"{ACCOUNT}?extract-archive={kind}", {"Accept": told}, body)
                assert 200 <= status < 500, (kind, body[:20], status)
        await wire.is_absent("link", "device")
        for body in (b"", b"\n\n", b"x", b"/c/none\n%ff%00\n\xff\n" + b"a" * 9000, b"/\n//\n/%\n", b"c/none\n" * 10_500):
            for told in ("application/json", "text/xml", "x/y"):
                status = await wire.ask("POST", f"{ACCOUNT}?bulk-delete", {"Accept": told, "Content-Type": "text/plain"}, body)
                assert 200 <= status < 500, (body[:20], status)


FORMS = [("", b"x"), ("; boundary=", b"x"), ("; boundary=" + "a" * 500, b"x"), ("; boundary=B", b"--B\r\n"),
         ("; boundary=B", b'--B\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n\xff\r\n--B--\r\n'),
         ("; boundary=B", b"--B\r\n" + b"X: y\r\n" * 50_000 + b"\r\n"),
         ("; boundary=B",
          b'--B\r\nContent-Disposition: form-data; name="expires"\r\n\r\nabc\r\n--B\r\nContent-Disposition: form-data; '
                          b'name="f"; filename="g"\r\n\r\ndata')]


async def test_forms():
    async with served() as wire:
        for more, body in FORMS:
            status = await wire.ask("POST", ACCOUNT + "/c/form", {"Content-Type": "multipart/form-data" + more}, body, token=False)
            assert 400 <= status < 500, (more, body[:20], status)


DOCUMENTS = [b"", b"<", b"<a/>", b"\xff\xfe<", b"<Delete>" + b"<Object>" * 5000,
             b"<Delete><Object><Key>\x00</Key></Object></Delete>",
             b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&e;</Key></Object></Delete>',
             b'<?xml version="1.0" encoding="utf-16"?><Delete/>', b'<?xml version="1.0" encoding="bogus"?><Delete/>', b"[" * 20_000]
OF_BUCKETS = ["", "acl=", "cors=", "delete=", "encryption=", "lifecycle=", "location=", "logging=", "notification=", "object-lock=",
              "policy=",
              "publicAccessBlock=", "requestPayment=", "tagging=", "uploads=", "versioning=", "versions=", "website=", "other="]
OF_OBJECTS = ["acl=", "attributes=", "legal-hold=", "partNumber=-1&uploadId=x", "partNumber=x&uploadId=x", "restore=", "retention=",
              "tagging=",
              "uploadId=garbage", "versionId=%2500", "versionId=garbage"]


async def test_documents_of_s3():
    async with served() as wire:
        assert await wire.s3("PUT", "/s3/bucket") == 200
        for path, queries in (("/s3/bucket", OF_BUCKETS), ("/s3/bucket/key", OF_OBJECTS)):
            for query in queries:
                for method in ("POST", "PUT"):
                    for body in DOCUMENTS if query or method == "PUT" else DOCUMENTS[:1]:
                        status = await wire.s3(method, path, body, query=query)
                        assert 200 <= status < 500 or status == 501, (method, path, query, body[:40], status)


async def test_signatures_of_s3_that_are_none():
    async with served() as wire:
        assert await wire.s3("PUT", "/s3/bucket") == 200
        for text in ("AWS x:y", "AWS ", "AWS :", "AWS test:tester:", "AWS4-HMAC-SHA256 garbage",
                     "AWS4-HMAC-SHA256 Credential=,SignedHeaders=,Signature=",
                     "AWS4-HMAC-SHA256 Credential=a/b/c/s3/aws4_request, SignedHeaders=host, Signature=00",
                     "AWS4-ECDSA-P256-SHA256 Credential=x"):
            for moment in ({}, {"x-amz-date": "garbage"}, {"x-amz-date": b"\xff"}, {"date": "9" * 40}):
                for method in ("GET", "PUT"):
                    status = await wire.ask(method, "/s3/bucket/key", {"Authorization": text} | moment,
                                            b"x" if method == "PUT" else b"", token=False)
                    assert status in (400, 403), (text, moment, status)
        assert await wire.s3("GET", "/s3/bucket/key") == 404


@pytest.mark.parametrize("kind", ["STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                                  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
                                  "0" * 64, "zzz"])
async def test_chunks_of_s3(kind):
    bodies = [b"3;chunk-signature=" + b"0" * 64 + b"\r\nabc\r\n0;chunk-signature=" + b"0" * 64 + b"\r\n\r\n", b"zz\r\n", b"3\r\nab",
              b"f" * 15 + b"\r\nab", b"x" * 20_000, b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n", b"-1\r\n", b"3" * 5000]
    async with served() as wire:
        assert await wire.s3("PUT", "/s3/bucket") == 200
        for body in bodies:
            for length in ("3", "-1", "x", "99999999999"):
                told = {"x-amz-decoded-content-length": length, "content-encoding": "aws-chunked",
                        "x-amz-trailer": "x-amz-checksum-crc32"}
                status = await wire.s3("PUT", "/s3/bucket/key", body, told, sha=kind)
                assert 400 <= status < 500 or status == 501, (body[:30], length, status)
        assert await wire.s3("GET", "/s3/bucket/key") == 404


async def test_what_is_no_http():
    async with served() as wire:
        for data in (b"\x00" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01" + bytes(100),
                     b"GET " + b"/" * 100_000 + b" HTTP/1.1\r\n\r\n",
                     b"GET / HTTP/1.1\r\nHost: x\r\n folded: x\r\n\r\n",
                     b"PUT /v1/AUTH_test/c/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"):
            status, _ = await wire.raw(data)
            assert status in (0, 400, 414), (data[:30], status)
        await wire.is_absent("x")
