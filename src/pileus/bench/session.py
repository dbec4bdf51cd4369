"""Logging in to a cloud of a clouds.yaml, and users that send requests to it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec import Struct

from pileus.bench.http import Answer, Connection, ConnectionLost, Origin, Refused, Request, request

PLACES = ("clouds.yaml", "~/.config/openstack/clouds.yaml", "/etc/openstack/clouds.yaml")
# A type of service and the other names under which a catalog may list it.
TYPES = {"compute": (), "image": (), "network": (), "placement": (), "identity": (), "block-storage": ("volumev3", "volume")}
VERSION_PATH = {"image": "/v2", "network": "/v2.0"}


class NoSuchCloud(Exception):
    """There is no clouds.yaml, or it does not name this cloud."""


class Unfit(Exception):
    """The cloud lacks something that a measurement needs."""


class Session(Struct, frozen=True, kw_only=True):
    """Who is logged in, where each service is, and the token that every request carries."""

    auth: dict[str, Any]
    auth_url: str
    token: str
    project_id: str
    endpoints: dict[str, str]

    def url(self, service: str, path: str) -> str:
        """The address of a path below a service, its version included."""
        if service not in self.endpoints:
            raise Unfit(f"the catalog has no {service} service")
        base = self.endpoints[service].rstrip("/")
        version = VERSION_PATH.get(service, "")
        return base + ("" if base.endswith(version) else version) + path

    def origins(self) -> set[Origin]:
        """The servers that a user of this session talks to."""
        return {Origin.of(url) for url in self.endpoints.values()}

    def request(
        self, method: str, service: str, path: str, body: Any = None, *, expect: int = 200, headers: Mapping[str, str] | None = None
    ) -> Request:
        """A request with this session's token; a body that is not bytes is sent as JSON."""
        data = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        return request(method, self.url(service, path), headers={"X-Auth-Token": self.token, **(headers or {})}, body=data, expect=expect)


class User:
    """Somebody who does one thing after the other, on a kept connection per server."""

    def __init__(self) -> None:
        self._connections: dict[Origin, Connection] = {}

    async def connect(self, origins: Iterable[Origin]) -> None:
        """Open connections now, so that no request pays for it."""
        for origin in origins:
            await self._open(origin)

    async def send(self, what: Request) -> Answer:
        """Send a request; anything but the status it expects is a failure. A connection that was closed is opened again."""
        connection = self._connections.get(what.origin)
        kept = connection is not None and connection.usable
        if connection is None or not kept:
            connection = await self._open(what.origin)
        try:
            answer = await connection.send(what.data)
        except ConnectionLost:
            if not kept:
                raise
            answer = await (await self._open(what.origin)).send(what.data)
        if answer.status != what.expect:
            raise Refused(what.expect, answer)
        return answer

    async def json(self, what: Request) -> Any:
        return msgspec.json.decode((await self.send(what)).body)

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    async def _open(self, origin: Origin) -> Connection:
        self._connections[origin] = await Connection.open(origin)
        return self._connections[origin]


def read_cloud(name: str, path: Path | None = None, environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """One cloud of the clouds.yaml given, or of the first one in the usual places."""
    given = [str(path)] if path else [environment[key] for key in ("OS_CLIENT_CONFIG_FILE",) if key in environment] or list(PLACES)
    for place in map(os.path.expanduser, given):
        if os.path.exists(place):
            with open(place) as file:
                clouds = (yaml.safe_load(file) or {}).get("clouds") or {}
            if name in clouds:
                return clouds[name]
            raise NoSuchCloud(f"{place} has no cloud named {name}; it has {', '.join(sorted(clouds)) or 'none'}")
    raise NoSuchCloud(f"no clouds.yaml at {', '.join(given)}")


def login_body(auth: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a login by password, with whichever scope and names the clouds.yaml gives."""
    user: dict[str, Any] = {"password": auth["password"]}
    user |= {"id": auth["user_id"]} if "user_id" in auth else {"name": auth["username"], "domain": _domain(auth, "user")}
    body: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
    if auth.get("system_scope"):
        body["scope"] = {"system": {"all": True}}
    elif "project_id" in auth:
        body["scope"] = {"project": {"id": auth["project_id"]}}
    elif "project_name" in auth:
        body["scope"] = {"project": {"name": auth["project_name"], "domain": _domain(auth, "project")}}
    return {"auth": body}


async def log_in(user: User, cloud: Mapping[str, Any]) -> Session:
    """A token, and the public endpoints of the cloud's region."""
    auth = cloud["auth"]
    auth_url = auth["auth_url"].rstrip("/")
    auth_url = auth_url if auth_url.endswith("/v3") else f"{auth_url}/v3"
    answer = await user.send(
        request("POST", f"{auth_url}/auth/tokens", body=msgspec.json.encode(login_body(auth)), expect=201)
    )
    token = msgspec.json.decode(answer.body)["token"]
    found = {
        service["type"]: endpoint["url"]
        for service in token["catalog"]
        for endpoint in service["endpoints"]
        if endpoint["interface"] == "public" and cloud.get("region_name") in (None, endpoint.get("region"))
    }
    endpoints = {name: found[known] for name, others in TYPES.items() for known in (name, *others) if known in found}
    return Session(
        auth=auth, auth_url=auth_url, token=answer.header("X-Subject-Token") or "",
        project_id=token["project"]["id"], endpoints=endpoints | {"identity": auth_url},
    )


def _domain(auth: Mapping[str, Any], of: str) -> dict[str, str]:
    if f"{of}_domain_id" in auth:
        return {"id": auth[f"{of}_domain_id"]}
    return {"name": auth.get(f"{of}_domain_name", auth.get("domain_name", "Default"))}
