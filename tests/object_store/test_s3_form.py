"""Uploads by forms, whose policy somebody else signed."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.object_store.harness import TestStore
from tests.object_store.s3 import boto, raw

pytestmark = pytest.mark.realtime
URL = "http://s3.test/s3/photos"


async def posted(store, fields, data=b"hello", *, filename="a.jpg", cut=0, url=URL):
    lines = [f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
    file = f'--B\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'.encode() + data + b"\r\n--B--\r\n"
    body = b"".join(lines) + file
    body = body[:-cut] if cut else body
    return await raw(store, "POST", url, {"content-type": "multipart/form-data; boundary=B"}, body)


async def form(store, conditions=(), fields=None, *, signature="s3v4", life=600):
    s3 = boto(store, signature=signature)
    made = s3.client.generate_presigned_post("photos", "in/${filename}", Fields=fields or {}, Conditions=list(conditions), ExpiresIn=life)
    return made["fields"]


@pytest.mark.parametrize("signature", ["s3v4", "s3"])
async def test_a_form_is_an_upload(signature):
    async with TestStore(real_time=True) as store:
        s3 = boto(store)
        await s3("create_bucket", Bucket="photos")
        extra = {"Content-Type": "image/x", "x-amz-meta-a": "b", "success_action_status": "201"}
        fields = await form(store, [{n: v} for n, v in extra.items()] + [["content-length-range", 1, 10]], extra, signature=signature)
        status, headers, data = await posted(store, fields)
        assert status == 201 and b"<Key>in/a.jpg</Key>" in data and headers["location"] == "/photos/in/a.jpg"
        got = await s3("get_object", Bucket="photos", Key="in/a.jpg")
        assert (got["Body"], got["ContentType"], got["Metadata"]) == (b"hello", "image/x", {"a": "b"})
        redirect = {"success_action_redirect": "https://example.org/done?x=1"}
        fields = await form(store, [redirect], redirect, signature=signature)
        status, headers, _ = await posted(store, fields)
        assert status == 303 and headers["location"].startswith("https://example.org/done?x=1&bucket=photos&key=in%2Fa.jpg&etag=")


async def test_what_a_policy_does_not_say_is_refused():
    async with TestStore(real_time=True) as store:
        s3 = boto(store)
        await s3("create_bucket", Bucket="photos")
        await s3("create_bucket", Bucket="others")
        good = await form(store, [["content-length-range", 3, 10]])
        other = base64.b64encode(json.dumps({"expiration": "2099-01-01T00:00:00Z", "conditions": []}).encode()).decode()
        for bad, status, code in (
                (good | {"x-amz-meta-a": "b"}, 403, b"Extra input fields"), (good | {"key": "out/x"}, 403, b"AccessDenied"),
                (good | {"policy": other}, 403, b"SignatureDoesNotMatch"),
                (good | {"x-amz-signature": "0" * 64}, 403, b"SignatureDoesNotMatch"),
                ({n: v for n, v in good.items() if n != "policy"}, 403, b"AccessDenied"), ({"key": "x"}, 403, b"AccessDenied"),
                ({n: v for n, v in good.items() if n != "key"}, 400, b"UserKeyMustBeSpecified"),
                (good | {"x-ignore-it": "x" * 21_000}, 400, b"MaxPostPreData")):
            got = await posted(store, bad)
            assert got[0] == status and code in got[2], (code, got)
        assert b"EntityTooLarge" in (await posted(store, good, b"x" * 11))[2]
        assert b"EntityTooSmall" in (await posted(store, good, b"x"))[2]
        assert b"MalformedPOSTRequest" in (await posted(store, good, cut=6))[2]
        assert (await posted(store, good, url="http://s3.test/s3/others"))[0] == 403
        now = datetime.now(UTC)
        store.clock.now = lambda: now + timedelta(seconds=601)
        assert b"Policy expired" in (await posted(store, good))[2]
        assert not store.files()
        del store.clock.now
        assert (await posted(store, good))[0] == 204


async def test_a_file_that_is_long_is_not_held_in_memory():
    async with TestStore(real_time=True) as store:
        s3 = boto(store)
        await s3("create_bucket", Bucket="photos")
        data = bytes(range(256)) * 5000
        assert (await posted(store, await form(store), data, filename="../../x"))[0] == 204
        assert (await s3("get_object", Bucket="photos", Key="in/x"))["Body"] == data
