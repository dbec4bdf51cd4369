"""Which sites' scripts a bucket answers."""

import pytest

from tests.object_store.harness import TestStore
from tests.object_store.s3 import boto, raw

pytestmark = pytest.mark.realtime
RULES = [{"ID": "a", "AllowedOrigins": ["https://*.example.org"], "AllowedMethods": ["GET", "PUT"],
          "AllowedHeaders": ["x-amz-*", "Content-Type"], "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 60},
         {"AllowedOrigins": ["*"], "AllowedMethods": ["HEAD"]}]


async def ruled(store):
    s3 = boto(store)
    await s3("create_bucket", Bucket="photos")
    await s3("put_object", Bucket="photos", Key="o", Body=b"x")
    await s3("put_bucket_cors", Bucket="photos", CORSConfiguration={"CORSRules": RULES})
    return s3


async def test_rules_are_kept():
    async with TestStore(real_time=True) as store:
        s3 = await ruled(store)
        assert (await s3("get_bucket_cors", Bucket="photos"))["CORSRules"] == RULES
        for bad in ({"AllowedMethods": ["OPTIONS"], "AllowedOrigins": ["*"]}, {"AllowedMethods": ["GET"], "AllowedOrigins": ["a*b*"]}):
            assert await s3.refused("put_bucket_cors", Bucket="photos", CORSConfiguration={"CORSRules": [bad]}) == "InvalidRequest"
        await s3("delete_bucket_cors", Bucket="photos")
        assert await s3.refused("get_bucket_cors", Bucket="photos") == "NoSuchCORSConfiguration"


async def test_a_browser_asks_before_it_uses_a_signed_url():
    async with TestStore(real_time=True) as store:
        s3 = await ruled(store)
        url = s3.client.generate_presigned_url("put_object", Params={"Bucket": "photos", "Key": "p"})
        asked = {"origin": "https://www.example.org", "access-control-request-method": "PUT",
                 "access-control-request-headers": "content-type"}
        status, headers, _ = await raw(store, "OPTIONS", url, asked)
        assert status == 200 and headers["access-control-max-age"] == "60"
        assert headers["access-control-allow-origin"] == "https://www.example.org"
        for change in ({"origin": "https://evil.test"}, {"access-control-request-method": "DELETE"},
                       {"access-control-request-headers": "x-other"},
                       {"origin": "https://www.example.org.evil.test"}, {"origin": ""}):
            status, headers, _ = await raw(store, "OPTIONS", url, asked | change)
            assert status in (400, 403) and "access-control-allow-origin" not in headers, change
        status, headers, _ = await raw(store, "PUT", url, {"origin": "https://www.example.org"}, b"data")
        assert status == 200 and headers["access-control-expose-headers"] == "ETag"
        status, headers, _ = await raw(store, "PUT", url.replace("/p?", "/q?"), {"origin": "https://www.example.org"}, b"data")
        assert status == 403 and "access-control-allow-origin" not in headers
        status, _, data = await raw(store, "OPTIONS", "http://s3.test/s3/photos/o", asked)
        assert status == 403 and b"AccessDenied" in data
