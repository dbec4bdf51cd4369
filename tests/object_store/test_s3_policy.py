"""Bucket policies: what they let others do, what they take from everybody, and what is no policy."""

import json
import time

import pytest

from pileus.object_store.s3.policy.model import Asked, decide, like
from pileus.object_store.s3.policy.read import statements
from tests.object_store.harness import TestStore
from tests.object_store.s3 import boto

pytestmark = pytest.mark.realtime
ALL = ["arn:aws:s3:::photos", "arn:aws:s3:::photos/*"]


def statement(effect="Allow", principal="*", action="s3:*", resource=ALL, **more):
    return {"Effect": effect, "Principal": principal, "Action": action, "Resource": resource, **more}


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


async def two(store):
    """The owner of a bucket with an object, and somebody of the same project who has no rights."""
    s3, bob = boto(store), boto(store, "bob", project="alice", roles=("reader",))
    await s3("create_bucket", Bucket="photos")
    await s3("put_object", Bucket="photos", Key="in/o", Body=b"hello")
    await s3("put_object", Bucket="photos", Key="out", Body=b"secret")
    await s3("create_bucket", Bucket="other")
    await s3("put_object", Bucket="other", Key="o", Body=b"secret")
    return s3, bob


async def test_others_get_what_a_policy_allows_and_no_more():
    async with TestStore(real_time=True) as store:
        s3, bob = await two(store)
        assert await s3.refused("get_bucket_policy", Bucket="photos") == "NoSuchBucketPolicy"
        text = policy(statement(principal={"AWS": "arn:aws:iam::alice:user/bob"}, action=["s3:Get*", "s3:PutObject"],
                                resource="arn:aws:s3:::photos/in/*"))
        await s3("put_bucket_policy", Bucket="photos", Policy=text)
        assert json.loads((await s3("get_bucket_policy", Bucket="photos"))["Policy"]) == json.loads(text)
        assert (await bob("get_object", Bucket="photos", Key="in/o"))["Body"] == b"hello"
        await bob("put_object", Bucket="photos", Key="in/p", Body=b"x")
        for method, more in (("get_object", {"Key": "out"}), ("delete_object", {"Key": "in/o"}), ("list_objects", {}),
                             ("get_bucket_policy", {}), ("put_bucket_policy", {"Policy": policy(statement())}),
                             ("copy_object", {"Key": "in/stolen", "CopySource": "photos/out"}),
                             ("copy_object", {"Key": "in/stolen", "CopySource": "other/o"})):
            assert await bob.refused(method, Bucket="photos", **more) == "AccessDenied", (method, more)
        done = await bob("delete_objects", Bucket="photos", Delete={"Objects": [{"Key": "in/o"}, {"Key": "out"}]})
        assert [e["Code"] for e in done["Errors"]] == ["AccessDenied"] * 2
        assert await bob.refused("get_object", Bucket="other", Key="o") == "AccessDenied"
        await s3("delete_bucket_policy", Bucket="photos")
        assert await bob.refused("get_object", Bucket="photos", Key="in/o") == "AccessDenied"


async def test_what_is_denied_is_denied_to_owners_too_but_not_the_policy_itself():
    async with TestStore(real_time=True) as store:
        s3, _ = await two(store)
        text = policy(statement(), statement("Deny", action=["s3:DeleteObject", "s3:*Policy"]))
        await s3("put_bucket_policy", Bucket="photos", Policy=text)
        assert await s3.refused("delete_object", Bucket="photos", Key="out") == "AccessDenied"
        done = await s3("delete_objects", Bucket="photos", Delete={"Objects": [{"Key": "out"}]})
        assert done["Errors"][0]["Code"] == "AccessDenied"
        assert (await s3("get_object", Bucket="photos", Key="out"))["Body"] == b"secret"
        await s3("delete_bucket_policy", Bucket="photos")
        await s3("delete_object", Bucket="photos", Key="out")


async def test_conditions():
    async with TestStore(real_time=True) as store:
        s3, bob = await two(store)
        await s3("put_bucket_policy", Bucket="photos", Policy=policy(
            statement(action="s3:GetObject", Condition={"IpAddress": {"aws:SourceIp": ["192.0.2.0/24"]},
                                                        "Bool": {"aws:SecureTransport": False}}),
            statement(action="s3:ListBucket", Condition={"StringEquals": {"s3:prefix": "in/"}})))
        assert (await bob("get_object", Bucket="photos", Key="out"))["Body"] == b"secret"
        assert (await bob("list_objects_v2", Bucket="photos", Prefix="in/"))["KeyCount"] == 1
        assert await bob.refused("list_objects_v2", Bucket="photos") == "AccessDenied"
        await s3("put_bucket_policy", Bucket="photos", Policy=policy(
            statement(action="s3:GetObject", Condition={"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}})))
        assert await bob.refused("get_object", Bucket="photos", Key="out") == "AccessDenied"


async def test_conditions_about_tags_headers_and_who_asks():
    async with TestStore(real_time=True) as store:
        s3, bob = await two(store)
        await s3("put_object_tagging", Bucket="photos", Key="out", Tagging={"TagSet": [{"Key": "Open", "Value": "yes"}]})
        await s3("put_bucket_policy", Bucket="photos", Policy=policy(
            statement(action="s3:GetObject", Condition={"StringEquals": {"s3:ExistingObjectTag/Open": "yes"}}),
            statement(action="s3:PutObject", Condition={"StringLike": {"s3:RequestObjectTag/by": "b?b"},
                                                        "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::alice:user/*"}}),
            statement("Deny", action="s3:PutObject", Condition={"StringNotEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}})))
        assert (await bob("get_object", Bucket="photos", Key="out"))["Body"] == b"secret"
        assert await bob.refused("get_object", Bucket="photos", Key="in/o") == "AccessDenied"
        given = {"Bucket": "photos", "Key": "new", "Body": b"x", "ACL": "bucket-owner-full-control", "Tagging": "by=bob"}
        await bob("put_object", **given)
        for other in ({"Tagging": "by=carol"}, {"Tagging": ""}, {"ACL": "private"}):
            assert await bob.refused("put_object", **given | other) == "AccessDenied", other
        assert await s3.refused("put_object", Bucket="photos", Key="n", Body=b"") == "AccessDenied"      # owners are denied, too
        await s3("delete_object_tagging", Bucket="photos", Key="out")
        assert await bob.refused("get_object", Bucket="photos", Key="out") == "AccessDenied"


async def test_who_has_to_ask_for_encryption():
    """A statement that many have; here encryption is the operator's, and a request for it is refused for what it is."""
    async with TestStore(real_time=True) as store:
        s3, _ = await two(store)
        await s3("put_bucket_policy", Bucket="photos", Policy=policy(
            statement("Deny", action="s3:PutObject", Condition={"Null": {"s3:x-amz-server-side-encryption": "true"}})))
        assert await s3.refused("put_object", Bucket="photos", Key="n", Body=b"") == "AccessDenied"
        assert await s3.refused("put_object", Bucket="photos", Key="n", Body=b"", ServerSideEncryption="AES256") == "NotImplemented"


@pytest.mark.parametrize("bad", [
    policy(statement(Condition={"StringEquals": {"s3:ExistingObjectTag/": "x"}})),
    policy(statement(Condition={"Bool": {"s3:x-other": "x"}})),
    "", "[]", "{", "{}", policy(), policy(statement(effect="Maybe")), policy(statement(resource="arn:aws:s3:::other/*")),
    policy(statement(resource="arn:aws:s3:::photosX")), policy(statement(action="ec2:Run")),
    policy(statement(principal={"Federated": "x"})),
    policy(statement(Condition={"StringEquals": {"aws:unknown": "x"}})),
    policy(statement(Condition={"Maybe": {"aws:SourceIp": "x"}})),
    policy(statement(Condition={"IpAddress": {"aws:SourceIp": "x"}})), policy(statement(NotAction="s3:*")),
    policy(statement(Surprise=1)),
    policy(*[statement()] * 101), json.dumps({"Version": "1999", "Statement": [statement()]}),
])
async def test_what_is_no_policy_changes_nothing(bad):
    async with TestStore(real_time=True) as store:
        s3, _ = await two(store)
        await s3("put_bucket_policy", Bucket="photos", Policy=policy(statement("Deny", action="s3:PutObject")))
        assert await s3.refused("put_bucket_policy", Bucket="photos", Policy=bad) == "MalformedPolicy"
        assert await s3.refused("put_object", Bucket="photos", Key="x", Body=b"") == "AccessDenied"


def test_patterns():
    assert like("a*c?e", "abbbcde") and like("*", "") and like("a**b", "a/x\n/b") and like("*.jpg", "x.jpg.jpg") and like("a*b*b",
                                                                                                                          "abb")
    assert not like("a*c?e", "abbbce") and not like("a.c", "abc") and not like("*b*a", "ab") and not like("a*a", "a")
    began = time.process_time()
    assert not like("*a" * 200, "a" * 5000 + "b")
    assert time.process_time() - began < 1


def test_a_denial_wins_and_silence_is_none():
    found = statements(policy(statement(), statement("Deny", principal={"AWS": "bob"})).encode(), "photos")
    asked = Asked(action="s3:GetObject", resource="arn:aws:s3:::photos/o", names=frozenset(["alice"]), facts={})
    assert decide(found, asked) is True
    assert decide(found,
                  Asked(action="s3:GetObject", resource="arn:aws:s3:::photos/o", names=frozenset(["bob"]), facts={})) is False
    assert decide(found,
                  Asked(action="s3:GetObject", resource="arn:aws:s3:::other/o", names=frozenset(["alice"]), facts={})) is None
