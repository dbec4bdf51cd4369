"""Buckets that others may reach: by their name alone, as S3's clients do.

A name is a project's own: whoever has a bucket of that name means it. Others, and who comes without a key, mean the bucket that
was first shared under this name (by an access list or a policy) and is still there. Being found gives no right to anything.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.object_store.model import timestamp
from pileus.object_store.s3.call import Call, own_call
from pileus.object_store.s3.errors import S3Error

#: Where it is kept whose a name is: an object each, with the account in its metadata.
ACCOUNT, CONTAINER, OWNER = ".s3_buckets", "shared", "x-object-sysmeta-s3api-account"


async def locate(call: Call) -> None:
    """Find out whose bucket the call is about; without one that others share it is the caller's own. Raises S3Error for who has none."""
    if call.bucket and not (call.home and (await call.info(call.bucket)).exists):
        call.account = await _account_of(call) or call.home
    if not call.account:
        raise S3Error("AccessDenied")


async def publish(call: Call) -> None:
    """Make the call's bucket the one that others find by its name. Repeatable. Raises S3Error when that is somebody else's."""
    for _ in range(3):
        owner, at = await _registered(call)
        if owner and await _is_there_now(call, owner):
            if owner == call.account:
                return
            break
        registry = _registry(call)
        if at:                              # of a bucket that is gone; whoever took the name since keeps it
            gone = await registry.ask("DELETE", CONTAINER, call.bucket, facts={"timestamp": timestamp.after(at)})
            await gone.close()
        headers = {OWNER: call.account, "if-none-match": "*", "content-type": "text/plain"}
        made = await registry.ask("PUT", CONTAINER, call.bucket, headers)
        if made.status == 404:
            await registry.done("PUT", CONTAINER)
            made = await registry.ask("PUT", CONTAINER, call.bucket, headers)
        if made.ok:
            return
        if made.status != 412:              # 412: somebody was quicker
            raise await registry.error(made, CONTAINER)
    raise S3Error("BucketAlreadyExists", BucketName=call.bucket)


async def withdraw(call: Call) -> None:
    """Forget a bucket that is gone. Repeatable; what is left behind by a crash counts no more than a bucket that is not there."""
    if (await _registered(call))[0] == call.account:
        await (await _registry(call).ask("DELETE", CONTAINER, call.bucket)).close()


async def _account_of(call: Call) -> str:
    """Whose shared bucket the name stands for; empty for nobody's."""
    owner, _ = await _registered(call)
    return owner if owner and (await call.feature.store.container_info(owner, call.bucket)).exists else ""


async def _is_there_now(call: Call, account: str) -> bool:
    """Whatever is believed of it. Raises S3Error when nobody can say."""
    found = await own_call(call.feature, account, call.bucket).ask("HEAD", call.bucket)
    await found.close()
    if found.status >= 500:
        raise S3Error("ServiceUnavailable")
    return found.ok


async def _registered(call: Call) -> tuple[str, str]:
    """The account that the name was given to, and when; both empty when it is nobody's."""
    found = await _registry(call).ask("HEAD", CONTAINER, call.bucket, {"x-newest": "true"})
    await found.close()
    return (found.header(OWNER), found.header("x-timestamp")) if found.ok else ("", "")


def _registry(call: Call) -> Call:
    return own_call(call.feature, ACCOUNT, call.bucket)
