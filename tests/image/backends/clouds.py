"""A cloud of this process behind a real port, whose object store keeps blobs for the tests of drivers."""

from __future__ import annotations

from contextlib import asynccontextmanager

import yaml
from tests.cloud import TestCloud, settings
from tests.ports import free_port

from pileus.core.http.server import Server


@asynccontextmanager
async def listening(**sections):
    port = free_port()
    async with TestCloud(real_time=True, api={"listen": f"127.0.0.1:{port}"}, **sections) as cloud:
        cloud.port = port
        await serve(cloud)
        yield cloud
        await cloud.server.stop()


async def serve(cloud):
    cloud.server = Server(cloud.cloud.app, "127.0.0.1", cloud.port)
    await cloud.server.start()
    await cloud.server.listening()


async def restart(cloud, **sections):
    """With another configuration."""
    await cloud.server.stop()
    await cloud.cloud.stop()
    cloud.config = settings(api={"listen": f"127.0.0.1:{cloud.port}"}, **sections)
    await cloud.start()
    await serve(cloud)


def user(cloud, name="pileus"):
    """Options of a store that logs in as a user of clouds.yaml."""
    auth = yaml.safe_load((cloud.state / "clouds.yaml").read_text())["clouds"][name]["auth"]
    return {"auth_url": f"http://127.0.0.1:{cloud.port}/identity/v3", "username": auth["username"], "password": auth["password"],
            "project_name": auth["project_name"]}


async def key(cloud, name="pileus"):
    """An access key of that user, and its secret."""
    caller = await cloud.as_(name)
    who = (await caller.get("/identity/v3/auth/tokens", headers={"X-Subject-Token": caller.token})).json["token"]
    made = await caller.post(f"/identity/v3/users/{who['user']['id']}/credentials/OS-EC2", {"tenant_id": who["project"]["id"]})
    return {"access_key": made.json["credential"]["access"], "secret_key": made.json["credential"]["secret"]}


async def objects(cloud, container, name="pileus"):
    """The names of what is in a container."""
    caller = await cloud.as_(name)
    return (await caller.get(f"/v1/AUTH_{await cloud.project(name)}/{container}")).text.split()
