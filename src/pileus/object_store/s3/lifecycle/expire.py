"""One pass over a bucket by its rules: what they say is over goes, as if the owner deleted it through S3.

Repeatable: everything is looked at as it is now, and what changed meanwhile is what the next pass sees.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from pileus.object_store.pipeline.versioning.names import DELETED
from pileus.object_store.s3 import metadata, objects
from pileus.object_store.s3.call import Call, version_query
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.s3.lifecycle.rules import Rule, due
from pileus.object_store.s3.multipart import layout
from pileus.object_store.s3.names import segments

Row = dict[str, Any]


async def expire(call: Call, rules: Sequence[Rule]) -> Counter[str]:
    """`call`: a trusted one about the bucket. Answers what was done, in numbers."""
    did: Counter[str] = Counter()
    now = call.feature.store.clock.now()
    enabled = [rule for rule in rules if rule.enabled]
    async for versions in _names(call):
        await _name(call, enabled, versions, now, did)
    if aborting := [rule for rule in enabled if rule.abort_days is not None]:
        await _abort(call, aborting, now, did)
    return did


async def _names(call: Call) -> AsyncIterator[list[Row]]:
    """The versions of each object, the newest first."""
    held: list[Row] = []
    marker = version = ""
    while True:
        asked = {"format": "json", "versions": "true", "marker": marker, "version_marker": version}
        got = await call.done("GET", call.bucket, query=urlencode({n: v for n, v in asked.items() if v}, errors="surrogateescape"))
        page = msgspec.json.decode(await got.read())
        for row in page:
            if held and held[0]["name"] != row["name"]:
                yield held
                held = []
            held.append(row)
        if not page:
            if held:
                yield held
            return
        marker, version = page[-1]["name"], page[-1].get("version_id", "")


async def _name(call: Call, rules: Sequence[Rule], versions: list[Row], now: datetime, did: Counter[str]) -> None:
    current = versions[0] if versions[0].get("is_latest", True) else None
    if current is not None and current.get("content_type") == DELETED:
        if len(versions) == 1 and any(rule.markers and rule.fits(current["name"], 0) for rule in rules):
            await _delete(call, current, current["version_id"], did, "markers")
    elif current is not None and await _over(call, rules, current, now):
        await _delete(call, current, "", did, "objects")
    old = versions[1:] if current is not None else versions
    for place, row in enumerate(old):
        # Since when a version is not the current one any more: since the one before it came.
        since = _moment(old[place - 1] if place else current or row)
        for rule in rules:
            if (rule.noncurrent_days is not None and place >= rule.newer_noncurrent and rule.fits(row["name"], row["bytes"])
                    and due(since, rule.noncurrent_days, now) and rule.fits_tags(await _tags(call, row, row["version_id"], rule))):
                await _delete(call, row, row["version_id"], did, "versions")
                break


async def _over(call: Call, rules: Sequence[Rule], row: Row, now: datetime) -> bool:
    for rule in rules:
        if rule.fits(row["name"], row["bytes"]) and rule.expires(_moment(row), now) and rule.fits_tags(await _tags(call, row, "", rule)):
            return True
    return False


async def _tags(call: Call, row: Row, version: str, rule: Rule) -> dict[str, str]:
    """The tags of an object; nothing when the rule asks for none."""
    if not rule.tags:
        return {}
    found = await call.ask("HEAD", call.bucket, row["name"], query=version_query(version))
    await found.close()
    return dict(parse_qsl(found.header(metadata.TAGGING), keep_blank_values=True))


async def _delete(call: Call, row: Row, version: str, did: Counter[str], what: str) -> None:
    try:
        await objects.remove(call, row["name"], version)
        did[what] += 1
    except S3Error:
        did["left"] += 1                    # it is locked, or cannot be reached: the next pass tries again


async def _abort(call: Call, rules: Sequence[Rule], now: datetime, did: Counter[str]) -> None:
    container = segments(call.bucket)
    async for row in layout.rows(call, container, layout.UPLOADS):
        key, upload = layout.parse_upload(row["name"])
        if any(key.startswith(rule.prefix) and due(_moment(row), rule.abort_days or 0, now) for rule in rules):
            await (await call.ask("DELETE", container, row["name"])).close()
            await layout.drop_parts(call, upload)
            did["uploads"] += 1


def _moment(row: Row) -> datetime:
    return datetime.fromisoformat(row["last_modified"]).replace(tzinfo=UTC)
