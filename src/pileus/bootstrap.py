"""What a new cloud starts with: its own accounts, and with `demo` two projects, flavors, networks and an image to try.

Everything is made through the services' ordinary methods, each only when it is missing, so that it may run at every start.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from pathlib import Path

import msgspec
import yaml

from pileus.cloud import Cloud
from pileus.compute.model.flavor import Flavor
from pileus.config import CloudConfig
from pileus.core.context import CLOUD, Context
from pileus.core.log import Log
from pileus.hosts import public_network
from pileus.image.backends.base import StoreFailed
from pileus.image.metadefs.shipped import shipped

log = Log("pileus.bootstrap")

#: Service types of the catalog with what Keystone calls them: (type, name, path).
CATALOG = [
    ("identity", "keystone", "/identity"),
    ("image", "glance", "/image"),
    ("placement", "placement", "/placement"),
    ("compute", "nova", "/compute/v2.1"),
    ("network", "neutron", "/network"),
    ("object-store", "swift", "/v1"),
]
#: name, id, virtual CPUs, memory in MiB, disk in GiB
FLAVORS = [("m1.nano", "42", 1, 192, 1), ("m1.tiny", "1", 1, 512, 1), ("m1.small", "2", 1, 2048, 20), ("m1.medium", "3", 2, 4096, 40),
           ("m1.large", "4", 4, 8192, 80), ("m1.xlarge", "5", 8, 16384, 160)]


class Credentials(msgspec.Struct, kw_only=True):
    """Passwords that this cloud chose for its own accounts; kept in the state folder, readable by its owner only."""

    admin: str
    demo: str
    alt_demo: str

    @classmethod
    def load(cls, cloud: Cloud) -> Credentials:
        path = cloud.state / "credentials.json"
        if path.exists():
            return msgspec.json.decode(path.read_bytes(), type=cls)
        made = cls(**{name: cloud.ids.secret(12).hex() for name in cls.__struct_fields__})
        _write_private(path, msgspec.json.encode(made))
        return made


async def bootstrap(cloud: Cloud) -> None:
    """Make what is missing, and write `clouds.yaml`."""
    credentials = Credentials.load(cloud)
    endpoint = cloud.endpoint
    await cloud.services.identity.bootstrap(admin_password=credentials.admin, generated=True, region=cloud.config.api.region,
                                            services=[(kind, name, endpoint + path) for kind, name, path in catalog(cloud.config)])
    store, roles = cloud.config.object_store, cloud.services.identity.roles
    if store.enabled and await roles.find_named(store.reseller_admin_role) is None:
        await roles.create(name=store.reseller_admin_role)
    known = clouds(endpoint, cloud.config.api.region, credentials)
    _write_private(cloud.state / "clouds.yaml", yaml.safe_dump(known, sort_keys=False).encode())
    await cloud.services.image.metadefs.begin_with(shipped)
    if cloud.config.bootstrap.demo:
        await _flavors(cloud)
        who = await _project(cloud, "demo", credentials.demo)
        await _project(cloud, "alt_demo", credentials.alt_demo)
        await _networks(cloud, who)
        await _image(cloud)


def catalog(config: CloudConfig) -> list[tuple[str, str, str]]:
    """The entries of CATALOG that this cloud serves."""
    store = config.object_store
    paths = {"object-store": f"/v1/{store.reseller_prefix}%(project_id)s"}
    return [(kind, name, paths.get(kind, path)) for kind, name, path in CATALOG if kind != "object-store" or store.enabled]


async def _flavors(cloud: Cloud) -> None:
    for name, id, vcpus, memory, disk in FLAVORS:
        await cloud.services.compute.flavors.ensure(Flavor(id=id, name=name, vcpus=vcpus, memory_mb=memory, root_gib=disk))


async def _project(cloud: Cloud, name: str, password: str) -> Context:
    """A project and a user of the same name who is a member of it; returns that user as a caller."""
    identity = cloud.services.identity
    project = await identity.ensure_project(name)
    user = await identity.ensure_user(name, password, project_id=project.id, role="member", generated=True)
    return Context(user_id=user.id, user_name=name, project_id=project.id, project_name=name, roles=frozenset({"member", "reader"}),
                   user_domain_id="default", project_domain_id="default")


async def _networks(cloud: Cloud, demo: Context) -> None:
    """An external network `public`; for the demo project a network `private` and a router between them."""
    network, wanted = cloud.services.network, cloud.config.bootstrap
    bridge, cidr = public_network(cloud.config, cloud.state)
    admins = await cloud.services.identity.ensure_project("admin")
    await network.ensure_external_network("public", cidr, bridge, project_id=admins.id)
    await network.ensure_private_network(demo, "private", wanted.private_cidr, router="router", external="public")


async def _image(cloud: Cloud) -> None:
    """Simulated guests need an image too: one of a mebibyte of zeros, which nothing ever boots."""
    if cloud.config.compute.hypervisor == "simulated" and not await cloud.services.image.named("tiny", CLOUD):
        async def content():
            yield bytes(1 << 20)

        try:
            await cloud.services.image.add(CLOUD, name="tiny", disk_format="raw", container_format="bare", visibility="public",
                                           data=content())
        except StoreFailed as problem:
            # A cloud that keeps images in its own object store does not serve that yet: the next start finds it.
            log.warning("no image to try", image="tiny", error=str(problem))


def clouds(endpoint: str, region: str, credentials: Credentials) -> dict:
    """The contents of `clouds.yaml`."""
    def entry(user: str, password: str, **scope: str) -> dict:
        auth = {"auth_url": f"{endpoint}/identity/v3", "username": user, "password": password, "user_domain_name": "Default"} | scope
        return {"auth": auth, "region_name": region, "identity_api_version": 3, "interface": "public"}

    def in_project(name: str) -> dict[str, str]:
        return {"project_name": name, "project_domain_name": "Default"}

    return {"clouds": {
        "pileus": entry("demo", credentials.demo, **in_project("demo")),
        "pileus-alt": entry("alt_demo", credentials.alt_demo, **in_project("alt_demo")),
        "pileus-admin": entry("admin", credentials.admin, **in_project("admin")),
        "pileus-system": entry("admin", credentials.admin, system_scope="all"),
    }}


def _write_private(path: Path, data: bytes) -> None:
    """Replace a file by one that only its owner can read."""
    temporary = path.with_suffix(".new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(data)
    os.replace(temporary, path)
