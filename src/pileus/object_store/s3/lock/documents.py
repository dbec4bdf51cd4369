"""The requests about locks: of a bucket, and of one version."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.object_store.pipeline.versioning.names import ENABLED
from pileus.object_store.s3 import kept, objects, xml
from pileus.object_store.s3.call import Call, answer
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.lock import headers as lock_headers
from pileus.object_store.s3.lock.headers import NAME, NOT_LOCKING
from pileus.object_store.s3.lock.model import COMPLIANCE, GOVERNANCE, HOLD, LOCKS, RETENTION, Default, is_held, may_change, retention_of
from pileus.object_store.s3.numbers import is_number
from pileus.object_store.wire.message import Response, is_true

LONGEST_DAYS, LONGEST_YEARS = 36_500, 100


async def show_bucket(call: Call) -> Response:
    await call.done("HEAD", call.bucket)
    info = await call.bucket_info()
    if info.sysmeta("container", LOCKS) != "true":
        raise S3Error("ObjectLockConfigurationNotFoundError", BucketName=call.bucket)
    told = [xml.tag("ObjectLockEnabled", "Enabled")]
    if (document := kept.read(info, NAME)) is not None:
        default = msgspec.json.decode(document, type=Default)
        span = xml.tag("Days", default.days) if default.days else xml.tag("Years", default.years)
        told.append(xml.node("Rule", xml.node("DefaultRetention", xml.tag("Mode", default.mode), span)))
    return answer("ObjectLockConfiguration", *told)


async def change_bucket(call: Call) -> Response:
    """A bucket without versions has nothing to lock; Swift's answer to that is that it does no such thing."""
    info = await call.bucket_info()
    if not is_true(info.headers.get(ENABLED, "")):
        raise S3Error("NotImplemented", "The requested resource is not implemented")
    document = await call.document("ObjectLockConfiguration")
    assert document is not None
    if document.value("ObjectLockEnabled") != "Enabled":
        raise S3Error("MalformedXML")
    default = _default(document.find("Rule/DefaultRetention")) if document.find("Rule") is not None else None
    await kept.save(call, NAME, msgspec.json.encode(default) if default is not None else None, {f"x-container-sysmeta-{LOCKS}": "true"})
    return Response(200)


def _default(node: xml.Node | None) -> Default:
    if node is None or node.value("Mode") not in (GOVERNANCE, COMPLIANCE):
        raise S3Error("MalformedXML")
    days, years = node.value("Days"), node.value("Years")
    text, most = (days, LONGEST_DAYS) if days else (years, LONGEST_YEARS)
    if bool(days) == bool(years):
        raise S3Error("MalformedXML")
    if not (is_number(text) and 0 < int(text) <= most):
        raise S3Error("InvalidArgument", "Default retention period must be a positive integer value", ArgumentValue=text)
    return Default(mode=node.value("Mode"), days=int(days or 0), years=int(years or 0))


async def show_retention(call: Call) -> Response:
    found = retention_of((await _version(call)).headers)
    if found is None:
        raise S3Error("NoSuchObjectLockConfiguration", Key=call.key)
    return answer("Retention", xml.tag("Mode", found.mode), xml.tag("RetainUntilDate", found.shown))


async def change_retention(call: Call) -> Response:
    document = await call.document("Retention")
    assert document is not None
    new = lock_headers.retention(call, document.value("Mode"), document.value("RetainUntilDate")) if document.children else None
    old = retention_of((await _version(call)).headers)
    if not may_change(old, new, call.feature.store.clock.now(), bypass=lock_headers.bypasses(call)):
        raise S3Error("AccessDenied", "Access Denied because object protected by object lock.")
    await objects.change(call, {RETENTION: new.text if new is not None else ""})
    return Response(200)


async def show_hold(call: Call) -> Response:
    found = await _version(call)
    if HOLD not in found.headers:
        raise S3Error("NoSuchObjectLockConfiguration", Key=call.key)
    return answer("LegalHold", xml.tag("Status", "ON" if is_held(found.headers) else "OFF"))


async def change_hold(call: Call) -> Response:
    document = await call.document("LegalHold")
    assert document is not None
    if document.value("Status") not in ("ON", "OFF"):
        raise S3Error("MalformedXML")
    await _version(call)
    await objects.change(call, {HOLD: document.value("Status")})
    return Response(200)


async def _version(call: Call) -> Response:
    """The version that the call is about, in a bucket that locks. Raises S3Error."""
    if (await call.bucket_info()).sysmeta("container", LOCKS) != "true":
        raise S3Error("InvalidRequest", NOT_LOCKING)
    return await objects.read(call, "HEAD")
