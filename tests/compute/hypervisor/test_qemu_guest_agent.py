"""The client of the agent inside a guest, against an agent that the test plays."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

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


class Monitor:
    """A machine, as far as the agent's channel is concerned."""

    def __init__(self, opened: bool, *, paused: bool = False):
        self.opened, self.paused, self.gone = opened, paused, asyncio.Event()

    async def ask(self, command):
        assert command == "query-chardev"
        return [{"label": "qmp", "frontend-open": True}, {"label": "agent", "frontend-open": self.opened}]


async def test_file_systems_hold_still_while_a_copy_is_begun(tmp_path):
    heard: list[dict] = []
    async with guest_with(tmp_path, agent(heard, {"return": 2})) as guest:
        guest._machine = Monitor(opened=True)
        with pytest.raises(KeyError):
            async with guest_agent.quiesced(guest):
                assert [one["execute"] for one in heard] == ["guest-fsfreeze-freeze"]
                raise KeyError
    assert [one["execute"] for one in heard] == ["guest-fsfreeze-freeze", "guest-fsfreeze-thaw"]


async def test_a_freeze_that_fails_is_taken_back(tmp_path):
    heard: list[dict] = []
    async with guest_with(tmp_path, agent(heard, {"error": {"desc": "no"}})) as guest:
        guest._machine = Monitor(opened=True)
        with pytest.raises(HypervisorFailed):
            async with guest_agent.quiesced(guest):
                raise AssertionError
    assert [one["execute"] for one in heard] == ["guest-fsfreeze-freeze", "guest-fsfreeze-thaw"]


@pytest.mark.parametrize("machine", [None, Monitor(opened=False), Monitor(opened=True, paused=True)])
async def test_without_an_agent_only_images_that_insist_are_refused(tmp_path, machine):
    async with guest_with(tmp_path, agent([], {})) as guest:
        guest._machine = machine
        async with guest_agent.quiesced(guest):
            pass
        properties = {**guest.record.spec.properties, "os_require_quiesce": "yes"}
        guest.record = replace(guest.record, spec=replace(guest.record.spec, properties=properties))
        with pytest.raises(GuestAgentSilent):
            async with guest_agent.quiesced(guest):
                raise AssertionError


async def test_who_comes_after_a_killed_agent_lets_file_systems_go(tmp_path):
    heard: list[dict] = []
    async with guest_with(tmp_path, agent(heard, {"return": 2})) as guest:
        guest._machine = Monitor(opened=True)
        async with guest_agent.quiesced(guest):
            left = guest.folder.read()
            assert left.frozen
        assert not guest.folder.read().frozen
        guest.note(left)                               # what a killed agent would have left behind
        heard.clear()
        await guest_agent.let_go(guest)
        assert [one["execute"] for one in heard] == ["guest-fsfreeze-thaw"] and not guest.folder.read().frozen
        await guest_agent.let_go(guest)
        assert len(heard) == 1
