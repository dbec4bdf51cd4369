"""Everything that can be ordered of a server, as parameters for tests: how to make it ready, and the order."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from pileus.compute.sagas.create_server import CREATE_SERVER
from pileus.compute.sagas.interfaces import ATTACH_INTERFACE, DETACH_INTERFACE
from pileus.compute.sagas.live_migrate import LIVE_MIGRATE
from pileus.compute.sagas.power import CHANGE_POWER
from pileus.compute.sagas.rebuild import REBUILD
from pileus.compute.sagas.rescue import RESCUE, UNRESCUE
from pileus.compute.sagas.resize import RESIZE
from pileus.compute.sagas.resized import CONFIRM_RESIZE, REVERT_RESIZE
from pileus.compute.sagas.shelve import OFFLOAD, SHELVE
from pileus.compute.sagas.snapshot import TAKE_SNAPSHOT
from pileus.compute.sagas.unshelve import UNSHELVE
from pileus.core.saga import Saga
from tests.cloud import TestCloud
from tests.harness import Answer

COMPUTE = "/compute/v2.1"
FLAVOR = "84"


class Verb(msgspec.Struct, frozen=True):
    name: str
    saga: Saga
    order: Callable[[TestCloud, str], Awaitable[Answer]]
    before: tuple[tuple[str, object], ...] = ()     # actions that bring the server there
    hosts: int = 3

    def __str__(self):
        return self.name


def action(name: str, value: object = None, *, cloud: str = "pileus"):
    async def order(on: TestCloud, id: str) -> Answer:
        return await on.act(id, name, await _filled(on, value), cloud=cloud)

    return order


async def _filled(on: TestCloud, value: object) -> object:
    if isinstance(value, dict):
        return {key: await on.image() if part == "IMAGE" else part for key, part in value.items()}
    return value


async def attach(on: TestCloud, id: str) -> Answer:
    return await (await on.as_()).post(f"{COMPUTE}/servers/{id}/os-interface", {"interfaceAttachment": {"net_id": await on.network()}})


async def detach(on: TestCloud, id: str) -> Answer:
    member = await on.as_()
    found = (await member.get(f"{COMPUTE}/servers/{id}/os-interface")).json["interfaceAttachments"]
    return await member.delete(f"{COMPUTE}/servers/{id}/os-interface/{found[0]['port_id'] if found else id}")


RESIZED = (("resize", {"flavorRef": FLAVOR}),)
VERBS = [
    Verb("stop", CHANGE_POWER, action("os-stop")),
    Verb("start", CHANGE_POWER, action("os-start"), (("os-stop", None),)),
    Verb("pause", CHANGE_POWER, action("pause")),
    Verb("unpause", CHANGE_POWER, action("unpause"), (("pause", None),)),
    Verb("suspend", CHANGE_POWER, action("suspend")),
    Verb("resume", CHANGE_POWER, action("resume"), (("suspend", None),)),
    Verb("reboot-soft", CHANGE_POWER, action("reboot", {"type": "SOFT"})),
    Verb("reboot-hard", CHANGE_POWER, action("reboot", {"type": "HARD"})),
    Verb("attach", ATTACH_INTERFACE, attach),
    Verb("detach", DETACH_INTERFACE, detach),
    Verb("snapshot", TAKE_SNAPSHOT, action("createImage", {"name": "copy"})),
    Verb("backup", TAKE_SNAPSHOT, action("createBackup", {"name": "copy", "backup_type": "daily", "rotation": 1})),
    Verb("rebuild", REBUILD, action("rebuild", {"imageRef": "IMAGE"})),
    Verb("rescue", RESCUE, action("rescue")),
    Verb("unrescue", UNRESCUE, action("unrescue"), (("rescue", None),)),
    Verb("resize-here", RESIZE, action("resize", {"flavorRef": FLAVOR}), hosts=1),
    Verb("resize", RESIZE, action("resize", {"flavorRef": FLAVOR})),
    Verb("migrate", RESIZE, action("migrate", None, cloud="pileus-admin")),
    Verb("confirm", CONFIRM_RESIZE, action("confirmResize"), RESIZED),
    Verb("revert", REVERT_RESIZE, action("revertResize"), RESIZED),
    Verb("revert-here", REVERT_RESIZE, action("revertResize"), RESIZED, hosts=1),
    Verb("shelve", SHELVE, action("shelve")),
    Verb("offload", OFFLOAD, action("shelve")),
    Verb("unshelve", UNSHELVE, action("unshelve"), (("shelve", None),)),
    Verb("live-migrate", LIVE_MIGRATE, action("os-migrateLive", {"host": None, "block_migration": "auto"}, cloud="pileus-admin")),
]
#: Servers are ordered, too.
SAGAS = {verb.saga.name for verb in VERBS} | {CREATE_SERVER.name}


def a_cloud(verb: Verb) -> TestCloud:
    return TestCloud(hosts=verb.hosts, compute={"allow_resize_to_same_host": verb.hosts == 1})


async def ready(cloud: TestCloud, verb: Verb) -> str:
    """A server of which the verb can be asked."""
    body = {"id": FLAVOR, "name": "larger", "vcpus": 2, "ram": 256, "disk": 2, "swap": 0}
    await (await cloud.as_("pileus-admin")).post(f"{COMPUTE}/flavors", {"flavor": body})
    id = await cloud.boot(networks=[{"uuid": await cloud.network()}])
    for name, value in verb.before:
        assert (await cloud.act(id, name, value)).status in (200, 202)
        await cloud.settle(70)
    return id
