"""A hypervisor without guests: it keeps what it was told and says so. Needs no root, no QEMU and no time.

It is a driver like any other, held to the same contract, and it is what CI and `pileus up --simulated` run on. It is not
a mock: it has no expectations and records no calls. Faults and delays are named by method, so that a test can make a host
fail in one way: `fails = {"spawn"}` fails before the effect, `{"spawn:after"}` after it, like an answer that was lost.

With a `state` folder its guests outlive the process, as real ones would: one JSON file per guest, written before the call
returns. Nothing in here depends on the clock or on chance.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from pileus.compute.hypervisor.base import (
    REACHABLE,
    GuestInWrongState,
    GuestNotFound,
    GuestSpec,
    GuestState,
    HypervisorFailed,
    Inventory,
    Nic,
    Power,
    traits_of,
)
from pileus.compute.hypervisor.files import write_atomically
from pileus.core.clock import Clock


class SimulatedGuest(msgspec.Struct, frozen=True, kw_only=True):
    """All there is of a guest; its file's content."""

    spec: GuestSpec
    power: Power = Power.RUNNING
    boots: int = 1
    error: str = ""

    def state(self) -> GuestState:
        return GuestState(id=self.spec.id, power=self.power, files=self.spec.root.files, error=self.error)


class Simulated:
    """A host of the given size. `fails` and `delays` (method → seconds) may be changed at any time."""

    def __init__(
        self,
        *,
        vcpus: int = 64,
        memory_mb: int = 262_144,
        disk_gib: int = 4_096,
        hostname: str = "simulated",
        fails: Iterable[str] = (),
        delays: Mapping[str, float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = Clock().sleep,
        state: Path | None = None,
    ):
        self.size = Inventory(
            vcpus=vcpus,
            memory_mb=memory_mb,
            disk_gib=disk_gib,
            hypervisor_type="simulated",
            hypervisor_version=1_000_000,
            hypervisor_hostname=hostname,
            cpu_info={"arch": "x86_64", "model": "simulated", "vendor": "Pileus"},
            traits=(*traits_of(self), "COMPUTE_IMAGE_TYPE_QCOW2", "COMPUTE_IMAGE_TYPE_RAW"),
        )
        self.fails = set(fails)
        self.delays = dict(delays or {})
        self._sleep = sleep
        self._folder = state / "guests" if state else None
        self._guests: dict[str, SimulatedGuest] = {}

    # -- the contract --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        await self._meet("start")
        if self._folder:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for torn in self._folder.glob("*.json.new"):
                torn.unlink()
            for file in sorted(self._folder.glob("*.json")):
                guest = msgspec.json.decode(file.read_bytes(), type=SimulatedGuest)
                self._guests[guest.spec.id] = guest
        self._lose_answer("start")

    async def stop(self) -> None:
        """Guests stay: in their files, and for a second `start` of the same object in memory too."""

    async def inventory(self) -> Inventory:
        await self._meet("inventory")
        return self.size

    async def spawn(self, guest: GuestSpec) -> GuestState:
        await self._meet("spawn")
        there = self._guests.get(guest.id)
        if there is None:
            self._keep(SimulatedGuest(spec=guest))
        elif there.power not in (Power.RUNNING, Power.PAUSED):
            self._keep(replace(there, spec=guest, power=Power.RUNNING, boots=there.boots + 1, error=""))
        self._lose_answer("spawn")
        return self._guests[guest.id].state()

    async def destroy(self, guest_id: str) -> None:
        await self._meet("destroy")
        if self._guests.pop(guest_id, None) and self._folder:
            self._file(guest_id).unlink(missing_ok=True)
        self._lose_answer("destroy")

    async def power(self, guest_id: str, to: Power, *, timeout_s: float = 0) -> GuestState:
        await self._meet("power")
        guest = self._get(guest_id)
        if guest.power not in REACHABLE[to]:
            raise GuestInWrongState(id=guest_id, what=f"become {to.name.lower()}", state=guest.power.name.lower())
        booted = to is Power.RUNNING and guest.power in (Power.SHUTDOWN, Power.CRASHED)
        if guest.power is not to:
            self._keep(replace(guest, power=to, boots=guest.boots + booted, error=""))
        self._lose_answer("power")
        return self._guests[guest_id].state()

    async def reboot(self, guest_id: str, *, hard: bool, timeout_s: float = 60) -> GuestState:
        await self._meet("reboot")
        guest = self._get(guest_id)
        if not hard and guest.power is not Power.RUNNING:
            raise GuestInWrongState(id=guest_id, what="be rebooted softly", state=guest.power.name.lower())
        self._keep(replace(guest, power=Power.RUNNING, boots=guest.boots + 1, error=""))
        self._lose_answer("reboot")
        return self._guests[guest_id].state()

    async def guests(self) -> list[GuestState]:
        await self._meet("guests")
        return [guest.state() for guest in self._guests.values()]

    async def console_log(self, guest_id: str, max_bytes: int = 1 << 20) -> bytes:
        await self._meet("console_log")
        guest = self._get(guest_id)
        text = "".join(_boot_text(guest.spec, boot) for boot in range(1, guest.boots + 1)).encode()
        return text[-max_bytes:] if max_bytes > 0 else b""

    # -- PlugsNics -----------------------------------------------------------------------------------------------------

    async def plug(self, guest_id: str, nic: Nic) -> None:
        await self._meet("plug")
        guest = self._get(guest_id)
        if all(there.port_id != nic.port_id for there in guest.spec.nics):
            self._keep(replace(guest, spec=replace(guest.spec, nics=(*guest.spec.nics, nic))))
        self._lose_answer("plug")

    async def unplug(self, guest_id: str, port_id: str) -> None:
        await self._meet("unplug")
        if guest := self._guests.get(guest_id):
            nics = tuple(nic for nic in guest.spec.nics if nic.port_id != port_id)
            self._keep(replace(guest, spec=replace(guest.spec, nics=nics)))
        self._lose_answer("unplug")

    # -- what only a simulation can ------------------------------------------------------------------------------------

    def crash(self, guest_id: str, error: str = "The guest crashed.") -> None:
        """The guest dies by itself, behind everybody's back."""
        self._keep(replace(self._get(guest_id), power=Power.CRASHED, error=error))

    def spec(self, guest_id: str) -> GuestSpec:
        """What the guest was made of, with what was plugged since."""
        return self._get(guest_id).spec

    async def _meet(self, method: str) -> None:
        """Take the method's delay, then its fault."""
        if delay := self.delays.get(method):
            await self._sleep(delay)
        if method in self.fails:
            raise HypervisorFailed(what=method, detail="simulated fault")

    def _lose_answer(self, method: str) -> None:
        if f"{method}:after" in self.fails:
            raise HypervisorFailed(what=method, detail="simulated fault after the effect")

    def _get(self, guest_id: str) -> SimulatedGuest:
        try:
            return self._guests[guest_id]
        except KeyError:
            raise GuestNotFound(id=guest_id) from None

    def _keep(self, guest: SimulatedGuest) -> None:
        """Write first: what memory knew and the file did not would be lost with the process."""
        if self._folder:
            write_atomically(self._file(guest.spec.id), msgspec.json.encode(guest))
        self._guests[guest.spec.id] = guest

    def _file(self, guest_id: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{guest_id}.json"


def _boot_text(spec: GuestSpec, boot: int) -> str:
    """What such a guest would print while it boots: long enough that asking for its last lines means something."""
    lines = [
        f"[    0.000000] Simulated guest {spec.name}, boot {boot}",
        f"[    0.000000] Command line: {spec.root.kernel_args or 'console=ttyS0'}",
        f"[    0.000000] Memory: {spec.memory_mb} MiB",
        f"[    0.010000] smp: {spec.vcpus} CPUs",
        f"[    0.100000] {spec.root.bus}: root disk, {spec.root.size_gib} GiB, {spec.root.format}",
        *(f"[    0.110000] eth{i}: {nic.model}, {nic.mac}, mtu {nic.mtu}" for i, nic in enumerate(spec.nics)),
        f"[    0.200000] config drive: {'config-2' if spec.config_drive is not None else 'none'}",
        "[    0.300000] root file system mounted",
        "[    0.400000] init: starting",
        "[    0.500000] network: up",
        "[    0.600000] cloud: reading metadata",
        f"[    0.700000] cloud: instance {spec.id}",
        "[    0.800000] ssh: host keys made",
        "[    0.900000] ssh: listening on port 22",
        "[    1.000000] cloud: ready",
        "",
        f"{spec.name} login: ",
    ]
    return "\n".join(lines) + "\n"
