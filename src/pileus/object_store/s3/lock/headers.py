"""Locks in headers: of a request that makes a version, and of an answer that shows one."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pileus.object_store.s3 import kept
from pileus.object_store.s3.call import Call
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.lock.model import (
    COMPLIANCE,
    GOVERNANCE,
    HOLD,
    LOCKS,
    RETENTION,
    Default,
    Retention,
    is_held,
    retention_of,
    until_of,
)
from pileus.object_store.wire.message import is_true

MODE, UNTIL, LEGAL_HOLD = "x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date", "x-amz-object-lock-legal-hold"
BYPASS = "x-amz-bypass-governance-retention"
NAME = "object-lock"
NOT_LOCKING = "Bucket is missing Object Lock Configuration"


async def of_new(call: Call) -> dict[str, str]:
    """Metadata of a version that is being made: the lock that the request asks for, or else its bucket's. Raises S3Error."""
    asked = [name for name in (MODE, UNTIL, LEGAL_HOLD) if name in call.req.headers]
    info = await call.info(call.bucket)
    if info.sysmeta("container", LOCKS) != "true":
        if asked:
            raise S3Error("InvalidRequest", NOT_LOCKING)
        return {}
    headers: dict[str, str] = {}
    if MODE in asked or UNTIL in asked:
        headers[RETENTION] = retention(call, call.header(MODE), call.header(UNTIL)).text
    elif (document := kept.read(info, NAME)) is not None:
        headers[RETENTION] = msgspec.json.decode(document, type=Default).since(call.feature.store.clock.now()).text
    if LEGAL_HOLD in asked:
        headers[HOLD] = hold(call.header(LEGAL_HOLD))
    return headers


def retention(call: Call, mode: str, until: str) -> Retention:
    """Raises S3Error for what locks nothing."""
    if mode not in (GOVERNANCE, COMPLIANCE):
        raise S3Error("InvalidArgument", "Unknown wormMode directive.", ArgumentName=MODE, ArgumentValue=mode)
    try:
        found = Retention(mode=mode, until=until_of(until))
    except ValueError:
        raise S3Error("InvalidArgument", "The retain until date must be provided in ISO 8601 format", ArgumentName=UNTIL,
                      ArgumentValue=until) from None
    if found.until <= call.feature.store.clock.now():
        raise S3Error("InvalidArgument", "The retain until date must be in the future!", ArgumentName=UNTIL, ArgumentValue=until)
    return found


def hold(text: str) -> str:
    if text not in ("ON", "OFF"):
        raise S3Error("InvalidArgument", "Legal Hold must be either of 'ON' or 'OFF'", ArgumentName=LEGAL_HOLD, ArgumentValue=text)
    return text


def bypasses(call: Call) -> bool:
    """Whether the caller wants governance to be overruled; who may delete at all, may."""
    return is_true(call.header(BYPASS))


def shown(headers: Mapping[str, str]) -> dict[str, str]:
    found = retention_of(headers)
    told = {MODE: found.mode, UNTIL: found.shown} if found is not None else {}
    return told | ({LEGAL_HOLD: "ON" if is_held(headers) else "OFF"} if headers.get(HOLD) else {})
