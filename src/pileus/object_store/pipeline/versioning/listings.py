"""Listings: of current versions as if they were objects, of all versions (`?versions`), of what containers really use."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlencode

import msgspec

from pileus.object_store.model.names import RESERVED, reserved
from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.pipeline.listing_formats import wanted
from pileus.object_store.pipeline.versioning.hidden import request
from pileus.object_store.pipeline.versioning.names import DELETED, NULL, parse_name, parse_version, quoted, version_name
from pileus.object_store.wire.message import Request, Response, Stop, is_true
from pileus.object_store.wire.status import plain

Row = dict[str, Any]
Named = tuple[str, str]                     # an object's name, and a version
JSON = "application/json"
SHOWN = ("name", "content_type", "bytes", "hash", "last_modified")


async def of_container(feature: Feature, req: Request, response: Response, hidden: str) -> Response:
    """The listing of a container, whose links to versions are shown as what they stand for."""
    with_versions = "versions" in req.params
    if not response.header("content-type").startswith("application/json"):
        return response
    body = await response.read()
    if with_versions or b'"symlink_path"' in body:
        account, container = req.path.split("/")[2:4]
        rows = [_resolved(row, account, container, hidden) for row in msgspec.json.decode(body)]
        if with_versions:
            rows = await _versions(feature, req, rows, hidden)
            response.facts["listing.settled"] = True
        else:
            for row in rows:
                if version := row.pop(VERSION, None):
                    row["symlink_path"] = f"{quoted('/'.join(('/v1', account, container, row['name'])))}?version-id={version}"
        body = msgspec.json.encode(rows)
    response.body = body
    response.headers["content-length"] = str(len(body))
    return response


#: While rows are being worked on: the version that a link stands for.
VERSION = "\0version"


def _resolved(row: Row, account: str, container: str, hidden: str) -> Row:
    """A row; of a link to a version, that version's size and hash."""
    if not {"symlink_path", "symlink_etag", "symlink_bytes"} <= row.keys():
        return row
    prefix = f"/v1/{account}/{hidden}/"
    path = unquote(row["symlink_path"], errors="surrogateescape")
    found = parse_name(path.removeprefix(prefix)) if path.startswith(prefix) else None
    if found is None:
        return row
    _, _, facts = row["hash"].partition("; ")
    row["bytes"], row["version_symlink"], row[VERSION] = int(row.pop("symlink_bytes")), True, found[1]
    row["hash"] = row.pop("symlink_etag") + (f"; {facts}" if facts else "")
    return row


async def _versions(feature: Feature, req: Request, rows: list[Row], hidden: str) -> list[Row]:
    """All versions of the objects of a page, the newest of each first."""
    params = req.params
    accepted = {part.partition(";")[0].strip() for part in req.header("accept", "*/*").split(",")}
    if (wanted(req) != JSON) if "format" in params else not accepted & {JSON, "application/*", "*/*"}:
        raise Stop(plain(406))              # there is no other form of it
    found = [row | {"version_id": NULL, "is_latest": True} for row in rows if "name" in row and VERSION not in row]
    links = {(row["name"], row[VERSION]): row for row in rows if VERSION in row}
    folders = {row["subdir"] for row in rows if "subdir" in row}
    kept = await _kept(feature, req, params, hidden)
    folders |= {row["subdir"].removeprefix(RESERVED) for row in kept if "subdir" in row}
    named = {key: row for row in kept if "name" in row and (key := parse_name(row["name"])) is not None}
    # A page that goes on within a name, from newer to older versions, does not begin with its newest.
    begun = {params["marker"]} if "version_marker" in params and not is_true(params.get("reverse", "")) else set()
    latest = _latest(named, links, {row["name"] for row in found} | begun)
    found += [row | {"name": name, "version_id": version, "is_latest": (name, version) in latest}
              for (name, version), row in named.items()]
    found += [{key: row[key] for key in SHOWN} | {"version_id": version, "is_latest": True}
              for (name, version), row in links.items() if (name, version) not in named]
    found += [{"subdir": folder} for folder in folders]
    # Of one name what is `null` is newer than all versions, and versions come in their own order.
    found.sort(key=lambda row: row.get("name") or row["subdir"], reverse=is_true(params.get("reverse", "")))
    limit = params.get("limit", "")
    return found[: int(limit) if limit.isdigit() else feature.store.proxy.limits.container_listing_limit]


def _latest(named: Mapping[Named, Row], links: Mapping[Named, Row], taken: set[str]) -> set[Named]:
    """The current versions: what a link stands for, and a deletion that nothing followed."""
    known = taken | {name for name, _ in links}
    latest = set(links)
    for name, version in sorted(named, key=lambda found: found[1], reverse=True):
        if name not in known and named[name, version]["content_type"] == DELETED:
            latest.add((name, version))
        known.add(name)
    return latest


async def _kept(feature: Feature, req: Request, params: Mapping[str, str], hidden: str) -> list[Row]:
    """The rows of the hidden container that the page takes in."""
    if set(params.get("delimiter", "")) & set(f"0123456789.{RESERVED}"):
        raise Stop(plain(400, "invalid delimiter param"))
    asked = {key: params[key] for key in ("limit", "delimiter", "reverse") if key in params}
    if "marker" in params:
        asked["marker"] = _marker(params["marker"], params.get("version_marker"))
    elif "version_marker" in params:
        raise Stop(plain(400, "version_marker param requires marker"))
    if "prefix" in params:
        asked["prefix"] = reserved(params["prefix"])
    account = req.path.split("/", 3)[2]
    answer = await feature.app(request(req, "GET", f"/v1/{account}/{hidden}", query=urlencode(asked, errors="surrogateescape")))
    if answer.status == 404:
        return []
    if not answer.ok:
        raise Stop(answer)
    return msgspec.json.decode(await answer.read())


def _marker(name: str, version: str | None) -> str:
    """Where the hidden listing goes on. Raises Stop."""
    if version is None:
        return reserved(name, ":")          # behind all versions of that name
    if version == NULL:
        return reserved(name, "")
    try:
        return version_name(name, parse_version(version))
    except ValueError:
        raise Stop(plain(400, "invalid version_marker param")) from None


async def of_account(feature: Feature, req: Request, account: str) -> Response:
    """The listing of an account: containers use what their versions use."""
    response = await feature.app(req)
    if not response.ok or not response.header("content-type").startswith("application/json"):
        return response
    params = req.params
    asked: dict[str, str] = {key: params[key] for key in ("limit", "reverse") if key in params}
    asked |= {key: reserved("versions", params[key]) for key in ("marker", "end_marker") if params.get(key)}
    asked["prefix"] = reserved("versions", params.get("prefix", ""))
    more = await feature.app(request(req, "GET", f"/v1/{account}", query=urlencode(asked, errors="surrogateescape")))
    found = msgspec.json.decode(await more.read()) if more.ok else []
    hidden = {row["name"].split(RESERVED)[2]: row for row in found if row.get("name", "").count(RESERVED) == 2}
    if not hidden:
        return response
    rows = msgspec.json.decode(await response.read())
    for row in rows:
        if (kept := hidden.get(row.get("name", ""))) is not None:
            row["bytes"] += kept["bytes"]
    response.body = msgspec.json.encode(rows)
    response.headers["content-length"] = str(len(response.body))
    return response
