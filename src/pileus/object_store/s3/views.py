"""Pieces that several of S3's documents have."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pileus.object_store.s3 import xml
from pileus.object_store.s3.call import Call
from pileus.object_store.wire.conditional import moment


def owner(call: Call, name: str = "Owner") -> str:
    """Named as Swift names whoever asks: by project and user. The owner of another project's bucket is that project."""
    return owner_named(id_of(call), name)


def owner_named(who: str, name: str = "Owner") -> str:
    return xml.node(name, xml.tag("ID", who), xml.tag("DisplayName", who))


def id_of(call: Call) -> str:
    return call.owner_id if call.foreign else f"{call.who.project_name}:{call.who.user_name}"


def shown_time(listed: str) -> str:
    """A time of a listing, in whole seconds as Last-Modified says it: rounded up, so that nothing is older than it was."""
    found = datetime.fromisoformat(listed).replace(tzinfo=UTC)
    if found.microsecond:
        found = found.replace(microsecond=0) + timedelta(seconds=1)
    return found.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def shown_date(header: str) -> str:
    """Last-Modified as documents show it."""
    found = moment(header)
    return found.strftime("%Y-%m-%dT%H:%M:%S.000Z") if found is not None else ""


def etag_of(row: dict) -> str:
    """Of an object in a listing, as S3 shows it."""
    return f'"{row.get("s3_etag") or row.get("slo_etag") or row["hash"]}"'.replace('""', '"')
