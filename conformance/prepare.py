"""What Tempest wants to find in a cloud before it starts, made through the public API."""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass

import httpx

FLAVORS = [
    {"id": "conformance-1", "name": "conformance-1", "ram": 128, "vcpus": 1, "disk": 1},
    {"id": "conformance-2", "name": "conformance-2", "ram": 192, "vcpus": 1, "disk": 1},
]
IMAGES = ["conformance-1", "conformance-2"]
IMAGE_BYTES = 1 << 20
#: The image service by another name: the suite stages an image with one and imports or deletes it with the other.
OTHER_IMAGE_SERVICE = "image-remote"


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The names and ids that go into tempest.conf."""

    images: list[str]
    flavors: list[str]
    public_network: str
    extensions: list[str]
    services: set[str]
    compute_nodes: int


def prepare(identity_url: str, auth: dict[str, str]) -> Prepared:
    """Make two flavors, two public images and a second endpoint, and look up what else the suite has to be told."""
    with httpx.Client(timeout=60) as http:
        catalog = log_in(http, identity_url, auth)
        make_service(http, identity_url, OTHER_IMAGE_SERVICE, catalog["image"])
        return Prepared(
            images=[make_image(http, catalog["image"], name) for name in IMAGES],
            flavors=[make_flavor(http, catalog["compute"], flavor) for flavor in FLAVORS],
            public_network=public_network(http, catalog["network"]),
            extensions=[row["alias"] for row in get(http, f"{catalog['network']}/v2.0/extensions")["extensions"]],
            services=set(catalog),
            compute_nodes=len(get(http, f"{catalog['compute']}/os-hypervisors")["hypervisors"]),
        )


def log_in(http: httpx.Client, identity_url: str, auth: dict[str, str]) -> dict[str, str]:
    """Give the client a token of the admin project; answer the public URL of every service type."""
    user = {"name": auth["username"], "password": auth["password"], "domain": domain(auth, "user")}
    project = {"name": auth["project_name"], "domain": domain(auth, "project")}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": {"project": project}}}
    answer = http.post(f"{identity_url}/auth/tokens", json=body).raise_for_status()
    http.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]
    return {
        service["type"]: endpoint["url"].rstrip("/")
        for service in answer.json()["token"]["catalog"]
        for endpoint in service["endpoints"]
        if endpoint["interface"] == "public"
    }


def domain(auth: dict[str, str], of: str) -> dict[str, str]:
    """The domain of the user or the project, by whichever of id and name the clouds.yaml has."""
    if f"{of}_domain_id" in auth:
        return {"id": auth[f"{of}_domain_id"]}
    return {"name": auth.get(f"{of}_domain_name", "Default")}


def make_image(http: httpx.Client, image_url: str, name: str) -> str:
    body = {"name": name, "disk_format": "raw", "container_format": "bare", "visibility": "public"}
    image = http.post(f"{image_url}/v2/images", json=body).raise_for_status().json()
    http.put(
        f"{image_url}/v2/images/{image['id']}/file",
        content=bytes(IMAGE_BYTES), headers={"Content-Type": "application/octet-stream"},
    ).raise_for_status()
    return image["id"]


def make_service(http: httpx.Client, identity_url: str, kind: str, url: str) -> None:
    service = http.post(f"{identity_url}/services", json={"service": {"type": kind, "name": kind}}).raise_for_status().json()["service"]
    endpoint = {"service_id": service["id"], "interface": "public", "region_id": "RegionOne", "url": url}
    http.post(f"{identity_url}/endpoints", json={"endpoint": endpoint}).raise_for_status()


def make_flavor(http: httpx.Client, compute_url: str, flavor: dict[str, str | int]) -> str:
    return http.post(f"{compute_url}/flavors", json={"flavor": flavor}).raise_for_status().json()["flavor"]["id"]


def public_network(http: httpx.Client, network_url: str) -> str:
    """The external network that `pileus up` makes; Tempest gives each of its routers a gateway on it."""
    networks = get(http, f"{network_url}/v2.0/networks?router:external=True")["networks"]
    if not networks:
        raise LookupError("the cloud has no external network")
    return next((network for network in networks if network["name"] == "public"), networks[0])["id"]


def get(http: httpx.Client, url: str) -> dict:
    return http.get(url).raise_for_status().json()
