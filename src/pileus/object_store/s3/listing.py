"""Listings of a bucket's objects, in both versions (API reference, "ListObjects", "ListObjectsV2")."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import msgspec

from pileus.object_store.s3 import views, xml
from pileus.object_store.s3.call import Call, answer, url_quoted
from pileus.object_store.s3.errors import S3Error
from pileus.object_store.wire.message import Response


async def list_objects(call: Call) -> Response:
    second = call.params.get("list-type") == "2"
    coded = coder(call)
    most = whole_number(call, "max-keys", call.s3.max_bucket_listing)
    rows = await page(call, marker=_after(call) if second else call.params.get("marker", ""), most=most)
    more, rows = len(rows) > most > 0, rows[:most]
    last = (rows[-1].get("name") or rows[-1]["subdir"]) if rows else ""
    head = _second(call, coded, rows, last if more else "") if second else _first(call, coded, last if more else "")
    described = [xml.tag("Name", call.bucket), xml.tag("Prefix", coded(call.params.get("prefix", ""))), *head, xml.tag("MaxKeys", most)]
    if delimiter := call.params.get("delimiter"):
        described.append(xml.tag("Delimiter", coded(delimiter)))
    if call.params.get("encoding-type"):
        described.append(xml.tag("EncodingType", "url"))
    described.append(xml.tag("IsTruncated", more))
    owned = not second or call.params.get("fetch-owner") == "true"
    return answer("ListBucketResult", *described, *(_contents(call, coded, row, owned) for row in rows if "name" in row),
                  *(xml.node("CommonPrefixes", xml.tag("Prefix", coded(row["subdir"]))) for row in rows if "subdir" in row))


async def page(call: Call, *, marker: str, most: int) -> list[dict[str, Any]]:
    """One row more than is wanted, so that it is known whether there are more."""
    asked = {"format": "json", "limit": str(most + 1), "marker": marker, "prefix": call.params.get("prefix", ""),
             "delimiter": call.params.get("delimiter", "")}
    query = urlencode({name: value for name, value in asked.items() if value}, errors="surrogateescape")
    got = await call.done("GET", call.bucket, query=query)
    return msgspec.json.decode(await got.read()) if most else []


def coder(call: Call) -> Callable[[str], str]:
    """How names are written. Raises S3Error for a way that is none."""
    kind = call.params.get("encoding-type")
    if kind is not None and kind != "url":
        raise S3Error("InvalidArgument", "Invalid Encoding Method specified in Request", ArgumentName="encoding-type", ArgumentValue=kind)
    return url_quoted if kind else str


def whole_number(call: Call, name: str, most: int) -> int:
    """A parameter that is a number, cut to what is allowed. Raises S3Error."""
    text = call.params.get(name, "")
    if not text:
        return most
    try:
        number = int(text)
    except ValueError:
        number = 1 << 31
    if number >= 1 << 31:
        raise S3Error("InvalidArgument", f"Provided {name} not an integer or within integer range", ArgumentName=name, ArgumentValue=text)
    if number < 0:
        raise S3Error("InvalidArgument", f"Argument {name} must be an integer between 0 and {(1 << 31) - 1}", ArgumentName=name,
                      ArgumentValue=text)
    return min(number, most)


def _first(call: Call, coded: Callable[[str], str], following: str) -> list[str]:
    told = [xml.tag("Marker", coded(call.params.get("marker", "")))]
    if following and call.params.get("delimiter"):
        told.append(xml.tag("NextMarker", coded(following)))
    return told


def _second(call: Call, coded: Callable[[str], str], rows: list[dict], following: str) -> list[str]:
    told = [xml.tag("KeyCount", len(rows))]
    if "start-after" in call.params:
        told.append(xml.tag("StartAfter", coded(call.params["start-after"])))
    if "continuation-token" in call.params:
        told.append(xml.tag("ContinuationToken", call.params["continuation-token"]))
    if following:
        told.append(xml.tag("NextContinuationToken", token_of(following)))
    return told


def _after(call: Call) -> str:
    """Where version 2 goes on: a token is the last name of the page before."""
    token = call.params.get("continuation-token")
    return call.params.get("start-after", "") if token is None else named_by(token)


def token_of(name: str) -> str:
    """What a listing goes on with behind a name."""
    return base64.b64encode(name.encode("utf-8", "surrogateescape")).decode()


def named_by(token: str) -> str:
    """The name. Raises S3Error for what is no token."""
    try:
        return base64.b64decode(token, validate=True).decode() if token else ""
    except (binascii.Error, ValueError):
        raise S3Error("InvalidArgument", "The continuation token provided is incorrect", ArgumentName="continuation-token") from None


def _contents(call: Call, coded: Callable[[str], str], row: dict[str, Any], owned: bool) -> str:
    return xml.node("Contents", xml.tag("Key", coded(row["name"])), xml.tag("LastModified", views.shown_time(row["last_modified"])),
                    xml.tag("ETag", views.etag_of(row)), xml.tag("Size", row["bytes"]), *([views.owner(call)] if owned else []),
                    xml.tag("StorageClass", "STANDARD"))
