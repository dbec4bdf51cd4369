"""A proxy outside of the cloud's process: identity is asked over HTTP who holds a token, and whose an access key is."""

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import msgspec
import pytest

from pileus.core.clock import Clock
from pileus.core.errors import Unauthenticated, Unavailable
from pileus.core.http.server import Server
from pileus.object_store.config import IdentityServiceConfig
from pileus.object_store.pipeline.identity import Signed
from pileus.object_store.remote_identity.ask import IdentityService
from pileus.object_store.remote_identity.keys import RemoteKeys
from pileus.object_store.remote_identity.tokens import RemoteIdentity
from tests.cloud import TestCloud
from tests.object_store.harness import Caller, TestStore
from tests.object_store.s3 import Boto, raw
from tests.ports import free_port

pytestmark = pytest.mark.realtime
SWIFT = IdentityServiceConfig(username="swift", password="of swift")


@asynccontextmanager
async def clouds(*, user=SWIFT, **identity):
    """A cloud that serves HTTP, with a user for the object store; and such a store, whose proxy asks it."""
    port = free_port()
    async with TestCloud(real_time=True, identity=identity) as cloud, TestStore(real_time=True) as store:
        server = Server(cloud.cloud.app, "127.0.0.1", port)
        await server.start()
        await server.listening()
        try:
            admin = await cloud.as_("pileus-admin")
            v3 = "/identity/v3"
            project = (await admin.post(f"{v3}/projects", {"project": {"name": "service"}})).json["project"]["id"]
            made = (await admin.post(f"{v3}/users", {"user": {"name": "swift", "password": "of swift"}})).json["user"]["id"]
            role = (await admin.get(f"{v3}/roles?name=service")).json["roles"][0]["id"]
            assert (await admin.put(f"{v3}/projects/{project}/users/{made}/roles/{role}")).status == 204
            service = IdentityService(f"http://127.0.0.1:{port}{v3}", user, Clock())
            store.objects.store.identify = RemoteIdentity(service, Clock(), ["service"])
            if user.username:
                store.objects.store.signers = RemoteKeys(service, Clock())
            yield cloud, store, service
        finally:
            await server.stop()


async def token_of(cloud, user="swift", password="of swift", project="service"):
    from tests.harness import Caller as Anybody

    domain = {"name": "Default"}
    got = await Anybody(cloud.cloud.app, "").post("/identity/v3/auth/tokens", {"auth": {
        "scope": {"project": {"name": project, "domain": domain}},
        "identity": {"methods": ["password"], "password": {"user": {"name": user, "password": password, "domain": domain}}}}})
    assert got.status == 201, got.text
    return got.headers["x-subject-token"]


async def key(cloud):
    """An access key of the demo user's, its secret, and the account of the project."""
    demo = await cloud.as_()
    who = (await demo.get("/identity/v3/auth/tokens", headers={"X-Subject-Token": demo.token})).json["token"]
    made = await demo.post(f"/identity/v3/users/{who['user']['id']}/credentials/OS-EC2", {"tenant_id": who["project"]["id"]})
    found = made.json["credential"]
    return found["access"], found["secret"], f"AUTH_{who['project']['id']}"


@pytest.mark.parametrize("user", [SWIFT, IdentityServiceConfig()])
async def test_tokens(user):
    async with clouds(user=user) as (cloud, store, _):
        demo = await cloud.as_()
        root = f"/v1/AUTH_{await cloud.project()}"
        mine = Caller(store, root, {"x-auth-token": demo.token})
        assert (await mine.put("/c")).status == 201
        assert (await Caller(store, root, {"x-auth-token": "gAAAAnonsense"}).get("/c")).status == 401
        other = Caller(store, root, {"x-auth-token": (await cloud.as_("pileus-alt")).token})
        assert (await other.get("/c")).status == 403


@pytest.mark.parametrize("user", [SWIFT, IdentityServiceConfig()])
async def test_an_expired_token_is_taken_from_a_service_only(user):
    async with clouds(user=user, token_expiration_s=4) as (cloud, store, _):
        project = await cloud.project()
        old = (await cloud.as_()).token
        alt = await token_of(cloud)
        root = f"/v1/AUTH_{project}"
        assert (await Caller(store, root, {"x-auth-token": old}).put("/c")).status == 201
        await asyncio.sleep(4.1)
        cloud.tokens.clear()
        store.objects.store.identify.known.clear()
        fresh, useless = await token_of(cloud), (await cloud.as_("pileus-alt")).token
        assert (await Caller(store, root, {"x-auth-token": old}).get("/c")).status == 401
        assert (await Caller(store, root, {"x-auth-token": old, "x-service-token": useless}).get("/c")).status == 401
        assert (await Caller(store, root, {"x-auth-token": old, "x-service-token": alt}).get("/c")).status == 401
        assert (await Caller(store, root, {"x-auth-token": old, "x-service-token": fresh}).get("/c")).status in (200, 204)
        service = f"/v1/SERVICE_{project}"
        assert (await Caller(store, service, {"x-auth-token": old, "x-service-token": fresh}).put("/c")).status == 201


@pytest.mark.parametrize("signature", ["s3v4", "s3"])
@pytest.mark.parametrize("tells", [True, False])
async def test_keys_of_identitys(signature, tells):
    async with clouds() as (cloud, store, service):
        if tells:       # as who may see the secrets of others
            import yaml

            entry = yaml.safe_load((cloud.state / "clouds.yaml").read_text())["clouds"]["pileus-admin"]["auth"]
            service.user = IdentityServiceConfig(username=entry["username"], password=entry["password"], project=entry["project_name"])
        access, secret, account = await key(cloud)
        s3 = Boto(store, access, secret, signature)
        await s3("create_bucket", Bucket="photos")
        await s3("put_object", Bucket="photos", Key="o", Body=b"hello")
        assert (await s3("get_object", Bucket="photos", Key="o"))["Body"] == b"hello"
        assert (await Caller(store, f"/v1/{account}", {"x-auth-token": (await cloud.as_()).token}).get("/photos/o")).data == b"hello"
        assert bool(store.objects.store.signers.known) is tells
        url = s3.client.generate_presigned_url("get_object", Params={"Bucket": "photos", "Key": "o"}, ExpiresIn=60)
        assert (await raw(store, "GET", url, {}))[2] == b"hello"
        assert (await raw(store, "GET", url.replace("/o?", "/p?"), {}))[0] == 403
        wrong = Boto(store, access, "wrong", signature)
        assert await wrong.refused("get_object", Bucket="photos", Key="o") in ("AccessDenied", "SignatureDoesNotMatch")
        assert await Boto(store, "nobodys", secret, signature).refused("list_buckets") == "AccessDenied"
        demo = await cloud.as_()
        who = (await demo.get("/identity/v3/auth/tokens", headers={"X-Subject-Token": demo.token})).json["token"]["user"]["id"]
        assert (await demo.delete(f"/identity/v3/users/{who}/credentials/OS-EC2/{access}")).status == 204
        store.objects.store.signers.known.clear()
        assert await s3.refused("list_buckets") == "AccessDenied"


async def test_browsers_ask_about_presigned_urls():
    async with clouds() as (cloud, store, _):
        access, secret, _ = await key(cloud)
        s3 = Boto(store, access, secret, "s3v4")
        await s3("create_bucket", Bucket="photos")
        await s3("put_bucket_cors", Bucket="photos", CORSConfiguration={"CORSRules": [
            {"AllowedMethods": ["PUT"], "AllowedOrigins": ["https://site.test"]}]})
        url = s3.client.generate_presigned_url("put_object", Params={"Bucket": "photos", "Key": "o"}, ExpiresIn=60)
        status, headers, _ = await raw(store, "OPTIONS", url, {"origin": "https://site.test", "access-control-request-method": "PUT"})
        assert status == 200 and headers["access-control-allow-origin"] == "https://site.test"


async def test_identity_that_cannot_be_asked_lets_nobody_in():
    port = free_port()
    service = IdentityService(f"http://127.0.0.1:{port}/identity/v3", SWIFT, Clock())
    with pytest.raises(Unavailable):
        await RemoteIdentity(service, Clock())("token", method="GET", path="/v1/AUTH_x")
    async with TestStore(real_time=True) as store:
        store.objects.store.identify = RemoteIdentity(service, Clock())
        store.objects.store.signers = RemoteKeys(service, Clock())
        assert (await Caller(store, "/v1/AUTH_x", {"x-auth-token": "token"}).get("/c")).status == 503
        assert await Boto(store, "a", "b", "s3v4").refused("list_buckets") == "ServiceUnavailable"


async def test_a_service_that_identity_does_not_know_lets_nobody_in():
    async with clouds(user=msgspec.structs.replace(SWIFT, password="wrong")) as (cloud, store, service):
        demo = await cloud.as_()
        assert (await Caller(store, "/v1/AUTH_x", {"x-auth-token": demo.token}).get("/c")).status == 401
        with pytest.raises(Unauthenticated):
            await RemoteKeys(service, Clock())("a", Signed(texts=("x",), signature="y"))
        access, secret, _ = await key(cloud)
        assert await Boto(SimpleNamespace(objects=store.objects), access, secret, "s3v4").refused("list_buckets") == "AccessDenied"


async def test_our_own_token_is_renewed_when_it_was_revoked():
    async with clouds() as (cloud, store, service):
        demo = await cloud.as_()
        root = f"/v1/AUTH_{await cloud.project()}"
        assert (await Caller(store, root, {"x-auth-token": demo.token}).put("/c")).status == 201
        admin = await cloud.as_("pileus-admin")
        before = service.own
        revoked = await admin.delete("/identity/v3/auth/tokens", headers={"X-Subject-Token": before})
        assert revoked.status == 204
        store.objects.store.identify.known.clear()
        assert (await Caller(store, root, {"x-auth-token": demo.token}).get("/c")).status in (200, 204)
        assert service.own != before
