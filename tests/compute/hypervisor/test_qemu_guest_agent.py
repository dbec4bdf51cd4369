"""The client of the agent inside a guest, against an agent that the test plays."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from pathlib import Path

import pytest

from pileus.compute.hypervisor.base import GuestAgentSilent, HypervisorFailed
from pileus.compute.hypervisor.qemu import guest_agent
from pileus.compute.hypervisor.qemu.guest import Guest, Settings
from pileus.compute.hypervisor.qemu.layout import Folder, Record
from pileus.compute.hypervisor.qemu.pins import Pins
from pileus.compute.hypervisor.qemu.probe import Abilities
from pileus.compute.hypervisor.qemu.shares import Shares
from tests.compute.hypervisor.tiny_guest import make_spec

pytestmark = pytest.mark.realtime


@contextlib.asynccontextmanager
async def guest_with(folder: Path, play):
    """A guest whose agent is `play(reader, writer)`."""
    server = await asyncio.start_unix_server(play, folder / "agent.sock")
    record = Record(spec=make_spec(folder, 1, properties={"hw_qemu_guest_agent": "yes"}))
    try:
        host = Abilities(binary="qemu", version=(7, 2, 0))
        yield Guest(Folder(folder), record, Settings(host=host, home=folder, pins=Pins(()), shares=Shares(folder)))
    finally:
        server.close()


def agent(heard: list, answer: dict, stale: bytes = b""):
    async def play(reader, writer):
        sync = json.loads((await reader.readline()).lstrip(b"\xff"))
        writer.write(stale + b"\xff" + json.dumps({"return": sync["arguments"]["id"]}).encode() + b"\n")
        heard.append(json.loads(await reader.readline()))
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
        writer.close()

    return play


async def test_a_password_is_set_after_what_the_agent_was_still_saying(tmp_path):
    heard: list[dict] = []
    stale = b'{"return": 1}\n\xff{"return": 17}\n{"half'
    async with guest_with(tmp_path, agent(heard, {"return": {}}, stale)) as guest:
        await guest_agent.set_password(guest, "root", "sécret")
    (order,) = heard
    assert order["execute"] == "guest-set-user-password" and order["arguments"]["username"] == "root"
    assert base64.b64decode(order["arguments"]["password"]).decode() == "sécret"


async def test_the_agents_complaint_is_passed_on_and_bounded(tmp_path):
    async with guest_with(tmp_path, agent([], {"error": {"class": "GenericError", "desc": "no such user " * 1000}})) as guest:
        with pytest.raises(HypervisorFailed) as failed:
            await guest_agent.set_password(guest, "nobody", "x")
    assert "no such user" in failed.value.detail and len(failed.value.detail) <= 500


@pytest.mark.parametrize("answer", [b"", b"\xff[]\n", b"\xffnot json\n", b"x" * 100_000])
async def test_an_agent_that_talks_nonsense_is_silent(tmp_path, monkeypatch, answer):
    monkeypatch.setattr(guest_agent, "ANSWER_TIMEOUT_S", 0.5)

    async def play(reader, writer):
        await reader.readline()
        writer.write(answer)
        await writer.drain()

    async with guest_with(tmp_path, play) as guest:
        with pytest.raises(GuestAgentSilent):
            await guest_agent.set_password(guest, "root", "x")


async def test_an_answer_that_is_no_object_is_nonsense_too(tmp_path):
    async def play(reader, writer):
        sync = json.loads((await reader.readline()).lstrip(b"\xff"))
        writer.write(b"\xff" + json.dumps({"return": sync["arguments"]["id"]}).encode() + b'\n[1]\n{"return": {}}\n')
        await writer.drain()

    async with guest_with(tmp_path, play) as guest:
        with pytest.raises(GuestAgentSilent):
            await guest_agent.set_password(guest, "root", "x")
