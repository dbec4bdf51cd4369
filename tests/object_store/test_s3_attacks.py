"""What people try against an S3 API: nobody gets in, nothing is made of what is wrong, and nothing hangs."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pileus.core.context import Context
from pileus.object_store.pipeline.identity import Signer
from tests.object_store.harness import TestStore
from tests.object_store.s3 import boto, raw

pytestmark = pytest.mark.realtime
URL = "http://s3.test/s3"


async def with_object(store):
    s3 = boto(store)
    await s3("create_bucket", Bucket="photos")
    await s3("put_object", Bucket="photos", Key="o", Body=b"secret")
    return s3


def presigned(s3, method="get_object", life=600, **more):
    return s3.client.generate_presigned_url(method, Params={"Bucket": "photos", "Key": "o"} | more, ExpiresIn=life)


async def test_who_does_not_sign_gets_nothing():
    async with TestStore(real_time=True) as store:
        await with_object(store)
        for method, path in (("GET", ""), ("GET", "/photos"), ("GET", "/photos/o"), ("PUT", "/photos/p"), ("DELETE", "/photos/o"),
                             ("POST", "/photos?delete")):
            for headers in ({}, {"authorization": "AWS4-HMAC-SHA256 x"}, {"authorization": "AWS a:b"}, {"x-auth-token": "wrong"},
                            {"authorization": "AWS alice-alice:AAAA", "date": datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")}):
                status, _, data = await raw(store, method, URL + path, headers, b"")
                assert status in (400, 403), (method, path, headers, data)
        assert len(store.files()) == 1
        status, _, _ = await raw(store, "GET", "http://s3.test/photos/o", {})
        assert status == 400                         # without a signature it is not S3's


@pytest.mark.parametrize("change", [
    lambda r: setattr(r, "url", r.url.replace("/o", "/p")),
    lambda r: setattr(r, "url", r.url + "?acl"),
    lambda r: setattr(r, "method", "DELETE"),
    lambda r: r.headers.__setitem__("x-amz-meta-a", "other"),
    lambda r: r.headers.__setitem__("x-amz-content-sha256", hashlib.sha256(b"other").hexdigest()),
    lambda r: r.headers.__setitem__("host", "other.test"),
    lambda r: r.headers.__setitem__("Authorization", r.headers["Authorization"].decode().replace("alice-alice", "mallory-mallory")),
])
async def test_what_was_changed_after_it_was_signed_is_refused(change):
    async with TestStore(real_time=True) as store:
        s3 = await with_object(store)
        boto(store, "mallory")
        s3.forge = change
        assert await s3.refused("put_object", Bucket="photos", Key="o", Body=b"x", Metadata={"a": "b"}) == "SignatureDoesNotMatch"
        s3.forge = None
        assert (await s3("get_object", Bucket="photos", Key="o"))["Body"] == b"secret"


async def test_a_body_other_than_the_signed_one_becomes_no_object():
    async with TestStore(real_time=True) as store:
        s3 = await with_object(store)
        s3.forge = lambda r: setattr(r, "body", b"changed")
        signed = hashlib.sha256(b"agreed!").hexdigest()
        s3.client.meta.events.register("before-sign.s3.PutObject",
                                       lambda request, **_: request.context.update(payload_signing_enabled=True))
        assert await s3.refused("put_object", Bucket="photos", Key="p", Body=b"agreed!", ChecksumSHA256=_b64(signed)) in (
            "XAmzContentSHA256Mismatch", "BadDigest")
        s3.forge = None
        assert await s3.refused("head_object", Bucket="photos", Key="p") == "404"


def _b64(digest: str) -> str:
    return base64.b64encode(bytes.fromhex(digest)).decode()


async def test_a_copy_of_an_old_request_is_worth_nothing():
    async with TestStore(real_time=True) as store:
        s3 = await with_object(store)
        sent = []
        s3.forge = sent.append
        await s3("get_object", Bucket="photos", Key="o")
        now = datetime.now(UTC)
        for shift in (timedelta(minutes=16), -timedelta(minutes=16)):
            store.clock.now = lambda shift=shift: now + shift
            status, _, data = await raw(store, "GET", sent[0].url, dict(sent[0].headers.items()))
            assert status == 403 and b"RequestTimeTooSkewed" in data


@pytest.mark.parametrize("signature", ["s3v4", "s3"])
async def test_a_presigned_url_is_for_one_thing_and_for_a_while(signature):
    async with TestStore(real_time=True) as store:
        await with_object(store)
        s3 = boto(store, signature=signature)
        url, upload = presigned(s3), presigned(s3, "put_object")
        assert (await raw(store, "GET", url, {}))[2] == b"secret"
        assert (await raw(store, "DELETE", url, {}))[0] == 403
        assert (await raw(store, "GET", url.replace("/o?", "/p?"), {}))[0] == 403
        assert (await raw(store, "PUT", upload, {"x-amz-copy-source": "/photos/o"}, b""))[0] == 403
        assert (await raw(store, "PUT", upload, {"x-amz-acl": "public-read"}, b"x"))[0] == 403
        now = datetime.now(UTC)
        store.clock.now = lambda: now + timedelta(seconds=601)
        status, _, data = await raw(store, "GET", url, {})
        assert status == 403 and b"expired" in data


async def test_headers_of_the_stores_own_api_do_not_get_through():
    async with TestStore(real_time=True) as store:
        s3, alice = await with_object(store), store.as_("alice")
        mallory = boto(store, "mallory")
        await mallory("create_bucket", Bucket="photos")
        upload = presigned(mallory, "put_object")
        native = {"x-copy-from": "photos/o", "x-copy-from-account": "AUTH_alice", "x-object-manifest": "photos/",
                  "x-symlink-target": "photos/o", "x-symlink-target-account": "AUTH_alice", "x-timestamp": "9999999999.00000",
                  "x-object-sysmeta-s3api-etag": "x", "x-static-large-object": "true", "x-object-meta-a": "b",
                  "x-backend-storage-policy-index": "7", "x-container-host": "127.0.0.1:1", "x-service-token": "x",
                  "x-auth-token": alice.headers["x-auth-token"], "x-fresh-metadata": "true", "x-versions-enabled": "true"}
        status, _, data = await raw(store, "PUT", upload, native, b"mine")
        assert status == 200, data
        status, headers, data = await raw(store, "GET", presigned(mallory), native)
        assert data == b"mine"
        assert not [n for n in headers if n.startswith(("x-object", "x-backend", "x-symlink", "x-account", "x-timestamp"))]
        assert (await mallory("head_object", Bucket="photos", Key="o"))["Metadata"] == {}
        assert (await s3("get_object", Bucket="photos", Key="o"))["Body"] == b"secret"


async def test_buckets_are_their_projects():
    async with TestStore(real_time=True) as store:
        await with_object(store)
        mallory, reader = boto(store, "mallory"), boto(store, "reader", project="alice", roles=("reader",))
        assert await mallory.refused("get_object", Bucket="photos", Key="o") == "NoSuchBucket"
        assert await mallory.refused("copy_object", Bucket="photos", Key="p", CopySource="photos/o") in ("NoSuchBucket", "NoSuchKey")
        for method, more in (("get_object", {"Key": "o"}), ("delete_object", {"Key": "o"}), ("list_objects", {}), ("get_bucket_acl", {}),
                             ("put_object", {"Key": "o", "Body": b""}), ("create_multipart_upload", {"Key": "o"}), ("create_bucket", {})):
            assert await reader.refused(method, Bucket="photos", **more) == "AccessDenied", method
        assert len(store.files()) == 1


@pytest.mark.parametrize("name", ["..", "photos+segments", "A", "a", "1.2.3.4", "x" * 64, "\0versions\0photos", ".expiring", "a..b"])
async def test_names_that_are_no_buckets(name):
    async with TestStore(real_time=True) as store:
        s3 = await with_object(store)
        got = presigned(s3).replace("/photos/", "/" + name.replace("\0", "%00").replace("+", "%2B") + "/")
        status, _, data = await raw(store, "GET", got, {})
        assert status in (400, 403) and b"secret" not in data


BOMB = b'<!DOCTYPE a [<!ENTITY b "%s"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>' % (b"x" * 1000)
FILE = b'<!DOCTYPE a [<!ENTITY c SYSTEM "file:///etc/passwd">]>'
OUTSIDE = b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd">'


@pytest.mark.parametrize("doctype", [BOMB, FILE, OUTSIDE])
@pytest.mark.parametrize("method,query,document", [
    ("PUT", "", b"<CreateBucketConfiguration><LocationConstraint>&c;</LocationConstraint></CreateBucketConfiguration>"),
    ("PUT", "versioning", b"<VersioningConfiguration><Status>&c;</Status></VersioningConfiguration>"),
    ("POST", "delete", b"<Delete><Object><Key>&c;</Key></Object></Delete>"),
    ("PUT", "acl", b"<AccessControlPolicy><Owner><ID>&c;</ID></Owner><AccessControlList/></AccessControlPolicy>"),
    ("PUT", "tagging", b"<Tagging><TagSet><Tag><Key>&c;</Key><Value/></Tag></TagSet></Tagging>"),
])
async def test_CVE_2022_47950_no_entity_is_expanded(doctype, method, query, document):
    async with TestStore(real_time=True) as store:
        await with_object(store)
        bucket = "photos" if query else "more"
        body = doctype + document
        status, _, data = await signed(store, method, f"{URL}/{bucket}" + (f"?{query}=" if query else ""), body)
        assert status == 400 and b"Malformed" in data and b"root:" not in data and b"xxxx" not in data, data


@pytest.mark.parametrize("body", [b"<Delete>" * 1000, b"<Delete>" + b"<Object/>" * 60_000 + b"</Delete>", b"\xff\xfe", b"<Delete",
                                  b"{}", b""])
async def test_documents_that_are_none(body):
    async with TestStore(real_time=True) as store:
        await with_object(store)
        status, _, data = await signed(store, "POST", f"{URL}/photos?delete=", body)
        assert status == 400, data


async def signed(store, method, url, body, headers=None):
    """Send a request that botocore signs."""
    credentials = Credentials("alice-alice", "secret of alice-alice")
    request = AWSRequest(method=method, url=url, data=body, headers={
        "Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode(), **(headers or {})})
    request.context["payload_signing_enabled"] = True
    S3SigV4Auth(credentials, "s3", "RegionOne").add_auth(request)
    return await raw(store, method, url, dict(request.headers.items()), body)


class Streamed:
    """A body in signed chunks, made by hand."""

    def __init__(self, chunks, kind="STREAMING-AWS4-HMAC-SHA256-PAYLOAD"):
        self.now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        self.scope = f"{self.now[:8]}/RegionOne/s3/aws4_request"
        self.headers = {"host": "s3.test", "x-amz-content-sha256": kind, "x-amz-date": self.now, "content-encoding": "aws-chunked",
                        "x-amz-decoded-content-length": str(sum(map(len, chunks)))}
        names = sorted(self.headers)
        shown = "".join(f"{n}:{self.headers[n]}\n" for n in names)
        request = "\n".join(("PUT", "/s3/photos/new", "", shown, ";".join(names), kind))
        self.last = self._sign("AWS4-HMAC-SHA256", hashlib.sha256(request.encode()).hexdigest())
        self.headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential=alice-alice/{self.scope}, SignedHeaders={';'.join(names)}, "
                                         f"Signature={self.last}")
        empty = hashlib.sha256().hexdigest()
        self.pieces = []
        for chunk in (*chunks, b""):
            self.last = self._sign("AWS4-HMAC-SHA256-PAYLOAD", f"{self.last}\n{empty}\n{hashlib.sha256(chunk).hexdigest()}")
            self.pieces.append(b"%x;chunk-signature=%s\r\n%s\r\n" % (len(chunk), self.last.encode(), chunk))

    def _sign(self, kind, rest):
        key = b"AWS4secret of alice-alice"
        for part in self.scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.new(key, f"{kind}\n{self.now}\n{self.scope}\n{rest}".encode(), "sha256").hexdigest()

    async def send(self, store, pieces=None):
        return await raw(store, "PUT", f"{URL}/photos/new", self.headers, b"".join(self.pieces if pieces is None else pieces))


A, B = b"a" * 9000, b"b" * 9000


async def test_signed_chunks():
    async with TestStore(real_time=True) as store:
        s3 = await with_object(store)
        assert (await Streamed([A, B]).send(store))[0] == 200
        assert (await s3("get_object", Bucket="photos", Key="new"))["Body"] == A + B


@pytest.mark.parametrize("tamper", [
    lambda p: [p[1], p[0], p[2]],                                           # moved
    lambda p: [p[0], p[2]],                                                 # left out
    lambda p: [p[0], p[0], p[2]],                                           # sent twice
    lambda p: [p[0].replace(b"aaa", b"aab", 1), *p[1:]],                    # changed
    lambda p: p[:2],                                                        # without its end
    lambda p: [p[0], p[1][:-20]],                                           # cut off
    lambda p: [p[0], p[1], b"0;chunk-signature=" + b"0" * 64 + b"\r\n\r\n"],    # with an end of somebody else's
    lambda p: [b"ffffffffffffffff;chunk-signature=" + b"0" * 64 + b"\r\n", *p],
    lambda p: [b"-1;chunk-signature=" + b"0" * 64 + b"\r\n", *p],
    lambda p: [b"1" * 5000],
    lambda p: [b""],
])
async def test_CVE_2026_49017_chunks_that_were_tampered_with_become_no_object(tamper):
    async with TestStore(real_time=True) as store:
        s3 = await with_object(store)
        streamed = Streamed([A, B])
        status, _, data = await streamed.send(store, tamper(streamed.pieces))
        assert status in (400, 403), data
        assert await s3.refused("head_object", Bucket="photos", Key="new") == "404"
        assert len(store.files()) == 1


def test_a_secret_is_not_shown():
    assert "hidden" not in repr(Signer(secret="hidden", who=Context(user_id="alice")))


@pytest.mark.parametrize("query", ["max-keys=" + "9" * 5000, "partNumber=" + "9" * 5000, "partNumber=٣", "max-keys=1_0",
                                   "uploadId=x&partNumber=1_0",
                                   "versionId=" + "9" * 5000, "max-uploads=" + "9" * 5000 + "&uploads=", "encoding-type=x",
                                   "continuation-token=%FF&list-type=2", "part-number-marker=-" + "9" * 5000 + "&uploadId=x"])
async def test_numbers_that_are_none(query):
    async with TestStore(real_time=True) as store:
        await with_object(store)
        for path in ("photos", "photos/o"):
            status, _, data = await signed(store, "GET", f"{URL}/{path}?{query}", b"")
            assert status < 500, (path, data)
