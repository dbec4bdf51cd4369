"""Two users act on one server at once: one of them is told to wait, or both get what they want, and nothing is torn.

And a delete at any moment of any other operation wins and cleans up.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import itertools

import msgspec
import pytest

from pileus.compute.sagas.create_server import CREATE_SERVER
from pileus.compute.sagas.delete_server import DELETE_SERVER
from pileus.compute.sagas.evacuate import EVACUATE
from pileus.compute.service.compute import SAGAS as ALL
from pileus.core.saga import Saga, Step
from tests.compute.verbs import COMPUTE, SAGAS, VERBS, Verb, a_cloud, ready

OTHERS = [verb for verb in VERBS if verb.name in ("stop", "reboot-hard", "rebuild", "resize", "snapshot", "attach")]


def test_every_saga_has_a_verb():
    of_servers = {saga.name for saga in ALL if saga.name.startswith("server.")}
    assert of_servers - SAGAS == {DELETE_SERVER.name, EVACUATE.name}, "those have tests of their own"


def meanwhile(saga: Saga, at: int, when: str, do) -> Saga:
    """The saga, and something that happens once, at one of its steps, before or after its effect: inside of an atomic step nothing
    can happen, so such a one is taken apart."""
    happened: list[asyncio.Task] = []

    def watched(step: Step) -> Step:
        async def both(state, deps):
            if when == "before" and not happened:
                happened.append(asyncio.ensure_future(do()))
                await asyncio.sleep(0.001)
            await step.do(state, deps)
            if when == "after" and not happened:
                happened.append(asyncio.ensure_future(do()))
                await asyncio.sleep(0.001)

        both.__name__ = step.do.__name__
        return msgspec.structs.replace(step, do=both, atomic=False)

    return msgspec.structs.replace(saga, steps=[watched(step) if n == at else step for n, step in enumerate(saga.steps)])


async def told(cloud, id: str) -> int:
    return (await (await cloud.as_()).delete(f"{COMPUTE}/servers/{id}")).status


@pytest.mark.parametrize("verb", VERBS, ids=str)
async def test_delete_wins_at_any_moment(verb: Verb):
    async with a_cloud(verb) as cloud:
        for step, when in itertools.product(range(len(verb.saga.steps)), ("before", "after")):
            answers: list[int] = []
            id = await ready(cloud, verb)

            async def delete(id=id, answers=answers):
                answers.append(await told(cloud, id))

            cloud.cloud.kit.sagas.register(meanwhile(verb.saga, step, when, delete), cloud.cloud.services.compute.conductor)
            ordered = await verb.order(cloud, id)
            await cloud.settle(100)
            assert answers == [204], (step, when, ordered.text)
            assert await cloud.show(id) is None, (step, when)
            await cloud.assert_clean()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", range(len(CREATE_SERVER.steps)))
async def test_delete_wins_over_a_build(cloud, step, when):
    network, made = await cloud.network(), [""]

    async def delete():
        assert await told(cloud, made[0]) == 204

    cloud.cloud.kit.sagas.register(meanwhile(CREATE_SERVER, step, when, delete), cloud.cloud.services.compute.conductor)
    made[0] = (await cloud.order(networks=[{"uuid": network}])).json["server"]["id"]
    await cloud.settle(70)
    assert await cloud.show(made[0]) is None
    await cloud.assert_clean()


@pytest.mark.parametrize("first", VERBS, ids=str)
async def test_two_users_act_at_once(first: Verb):
    async with a_cloud(first) as cloud:
        for second in OTHERS:
            id = await ready(cloud, first)
            answers = await asyncio.gather(first.order(cloud, id), second.order(cloud, id))
            said = str(second), [answer.text for answer in answers]
            assert {answer.status for answer in answers} <= {200, 202, 204, 400, 404, 409}, said
            assert any(answer.status < 300 for answer in answers), said
            await cloud.settle(100)
            server = await cloud.show(id)
            assert server["OS-EXT-STS:task_state"] is None and server["status"] != "ERROR", (said, server)
            assert await told(cloud, id) == 204
            await cloud.settle()
            await cloud.assert_clean()
