"""What is measured, as data.

A `Call` is one request, repeated; a `Flow` is a small story that one user goes through, repeated, with a duration for
each of its parts. Words between at signs stand for what the cloud has (`@image@`, `@flavor@`, `@network@`, `@token@`,
`@login@`) and, in `@name@`, for a name that is used once. `servers` and `networks` are how many the project has while
the call is measured.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from msgspec import Struct

from pileus.bench import flows
from pileus.bench.flows import Story


class Call(Struct, frozen=True, kw_only=True):
    """One request, at most so often. What it `creates` is deleted after the measurement."""

    name: str
    about: str
    service: str
    method: str = "GET"
    path: str
    headers: dict[str, str] = {}
    body: Any = None
    expect: int = 200
    servers: int = 0
    networks: int = 0
    most: int | None = None
    creates: str = ""


class Flow(Struct, frozen=True, kw_only=True):
    """A story, how often it is told, and by how many users at once, unless the command line says otherwise."""

    name: str
    about: str
    story: Story
    total: int
    at: tuple[int, ...]
    first_look_s: float = 0.005


SERVER = {"name": "@name@", "imageRef": "@image@", "flavorRef": "@flavor@", "networks": [{"uuid": "@network@"}]}

SCENARIOS: list[Call | Flow] = [
    Call(name="version", about="GET /v3, the version document", service="identity", path=""),
    Call(name="token-validate", about="GET /v3/auth/tokens", service="identity", path="/auth/tokens",
         headers={"X-Subject-Token": "@token@"}),
    Call(name="token-issue", about="POST /v3/auth/tokens, by password", service="identity", method="POST", path="/auth/tokens",
         body="@login@", expect=201),
    Call(name="images", about="GET /v2/images, a page of 25", service="image", path="/images?limit=25"),
    Call(name="image-show", about="GET /v2/images/{id}", service="image", path="/images/@image@"),
    Call(name="image-create", about="POST /v2/images", service="image", method="POST", path="/images", expect=201, most=500,
         body={"name": "@name@", "disk_format": "raw", "container_format": "bare"}, creates="images"),
    Call(name="flavors", about="GET /flavors/detail", service="compute", path="/flavors/detail"),
    Call(name="servers-0", about="GET /servers/detail, 0 servers", service="compute", path="/servers/detail"),
    Call(name="servers-50", about="GET /servers/detail, 50 servers", service="compute", path="/servers/detail", servers=50),
    Call(name="servers-100", about="GET /servers/detail, 100 servers", service="compute", path="/servers/detail", servers=100),
    Call(name="servers-1000", about="GET /servers/detail, 1,000 servers", service="compute", path="/servers/detail", servers=1000),
    Call(name="networks", about="GET /v2.0/networks", service="network", path="/networks"),
    Call(name="networks-190", about="GET /v2.0/networks, 190 more", service="network", path="/networks", networks=190),
    Call(name="network-create", about="POST /v2.0/networks", service="network", method="POST", path="/networks", expect=201,
         most=500, body={"network": {"name": "@name@"}}, creates="networks"),
    Call(name="port-create", about="POST /v2.0/ports, one address", service="network", method="POST", path="/ports", expect=201,
         most=100, body={"port": {"name": "@name@", "network_id": "@network@"}}, creates="ports"),
    Call(name="server-accept", about="POST /servers to 202, with a port", service="compute", method="POST", path="/servers",
         expect=202, most=60, body={"server": SERVER}, creates="servers"),
    Flow(name="server-active", about="POST /servers to ACTIVE, with a port, and DELETE", story=flows.boot_and_delete, total=80, at=(1, 16)),
    Flow(name="servers-at-once", about="50 servers at once", story=flows.many_at_once, total=3, at=(1,)),
    Flow(name="servers-min-count", about="one POST with min_count 50", story=flows.min_count, total=3, at=(1,)),
    Flow(name="boot-and-delete", about="Rally NovaServers.boot_and_delete_server", story=flows.boot_and_delete, total=10_000, at=(50,),
         first_look_s=0.1),
]

# Not part of a plain run: it takes minutes, or wants a cloud that was made for it.
ON_REQUEST = ("servers-1000", "boot-and-delete")
