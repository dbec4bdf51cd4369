"""What images and flavors ask of a guest's machine, on real QEMU processes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
import shutil
import subprocess

import pytest
from msgspec.structs import replace

from pileus.compute.hypervisor.base import HypervisorFailed, Power
from pileus.compute.hypervisor.qemu.disks import UEFI
from tests.compute.hypervisor.qemu_host import says, started, until
from tests.compute.hypervisor.tiny_guest import leftovers, make_spec

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.realtime,
    pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="needs QEMU"),
]


@pytest.mark.skipif(not any(os.path.exists(code) for code, _ in UEFI), reason="needs OVMF")
@pytest.mark.parametrize("machine", ["pc", "q35"])
async def test_a_guest_boots_with_uefi_and_keeps_its_variables(home, state, machine):
    async with started(state) as qemu:
        spec = make_spec(home, 1, properties={"hw_firmware_type": "uefi", "hw_machine_type": machine})
        spec = replace(spec, memory_mb=128)
        await qemu.spawn(spec)
        await says(qemu, spec.id, b"BdsDxe")
        await qemu.power(spec.id, Power.SUSPENDED)
        assert (await qemu.power(spec.id, Power.RUNNING)).power is Power.RUNNING
        assert (state / "guests" / spec.id / "nvram.fd").stat().st_size > 0
        await qemu.destroy(spec.id)
        assert leftovers(state) == []


async def test_secure_boot_is_refused(home, state):
    async with started(state) as qemu:
        with pytest.raises(HypervisorFailed) as failed:
            await qemu.spawn(make_spec(home, 1, properties={"hw_firmware_type": "uefi", "os_secure_boot": "required"}))
        assert "secure boot" in failed.value.detail and leftovers(state) == []


@pytest.mark.parametrize(
    ("bus", "properties"),
    [
        ("virtio", {"hw_watchdog_action": "reset", "hw_qemu_guest_agent": "yes", "hw_boot_menu": "yes"}),
        ("scsi", {}),
        ("scsi", {"hw_scsi_model": "lsilogic", "hw_cdrom_bus": "sata"}),
        ("scsi", {"hw_scsi_model": "vmpvscsi", "hw_cdrom_bus": "scsi"}),
        ("sata", {"hw_cdrom_bus": "sata"}),
        ("ide", {"hw_cdrom_bus": "ide", "hw_video_model": "cirrus"}),
        ("scsi", {"hw_machine_type": "q35", "hw_cdrom_bus": "ide", "hw_watchdog_action": "pause", "hw_qemu_guest_agent": "yes"}),
        ("sata", {"hw_machine_type": "q35", "hw_cdrom_bus": "sata", "hw_video_model": "virtio"}),
        ("virtio", {"hw_input_bus": "virtio", "hw_serial_port_count": "4", "hw_pmu": "yes", "hw_time_hpet": "yes"}),
        ("virtio", {"hw_machine_type": "q35", "hw_input_bus": "virtio", "hw_pmu": "no", "hw_time_hpet": "no",
                    "img_hide_hypervisor_id": "yes", "hw_serial_port_count": "2"}),
    ],
)
async def test_a_guest_boots_from_every_bus_with_every_disk_it_can_have(home, state, bus, properties):
    """Disk limits included: they come between a disk and whatever it is plugged in."""
    async with started(state) as qemu:
        properties = {**properties, "quota:disk_read_iops_sec": "500", "quota:disk_total_bytes_sec": "1048576"}
        spec = make_spec(home, 1, properties=properties, swap_mb=1, ephemeral_gib=1, config_drive={"a": b"b"})
        spec = replace(spec, root=replace(spec.root, bus=bus))
        await qemu.spawn(spec)
        await says(qemu, spec.id, b"login:")
        machine = qemu._guests[spec.id].machine
        limits = await machine.ask("qom-get", {"path": "/objects/limits-root", "property": "limits"})
        assert (limits["iops-read"], limits["bps-total"], limits["iops-write"]) == (500, 1048576, 0)
        assert len([disk for disk in await machine.ask("query-block") if disk.get("inserted") and disk.get("qdev")]) == 4


async def test_the_pace_of_randomness_and_the_memory_of_the_screen_are_qemus(home, state):
    async with started(state) as qemu:
        wanted = {"hw_rng:rate_bytes": "512", "hw_rng:rate_period": "50", "hw_video_ram": "32", "os_type": "windows"}
        for n, model in enumerate(("vga", "cirrus", "vmvga", "bochs", "virtio"), 1):
            spec = make_spec(home, n, properties={**wanted, "hw_video_model": model})
            await qemu.spawn(spec)
            machine = qemu._guests[spec.id].machine
            if model == "vga":
                assert await machine.ask("qom-get", {"path": "/machine/peripheral/video", "property": "vgamem_mb"}) == 32
            name = next(one["name"] for one in await machine.ask("qom-list", {"path": "/machine/peripheral-anon"})
                        if one["type"] == "child<virtio-rng-pci>")
            device = f"/machine/peripheral-anon/{name}"
            assert [await machine.ask("qom-get", {"path": device, "property": p}) for p in ("max-bytes", "period")] == [512, 50]
            await qemu.destroy(spec.id)


@pytest.mark.parametrize("machine", ["pc", "q35"])
async def test_a_tablet_points_where_the_viewer_does(home, state, machine):
    """Beside everything else that has a place of its own, and after it woke up again."""
    async with started(state) as qemu:
        properties = {"hw_pointer_model": "usbtablet", "hw_machine_type": machine, "hw_watchdog_action": "reset",
                      "hw_qemu_guest_agent": "yes"}
        spec = make_spec(home, 1, properties=properties)
        await qemu.spawn(spec)
        mice = await qemu._guests[spec.id].machine.ask("query-mice")
        assert any(mouse["absolute"] and "Tablet" in mouse["name"] for mouse in mice), mice
        for power in (Power.SUSPENDED, Power.RUNNING):
            assert (await qemu.power(spec.id, power)).power is power
        blind = make_spec(home, 2, properties={**properties, "hw_video_model": "none"})
        await qemu.spawn(blind)
        assert not any(mouse["absolute"] for mouse in await qemu._guests[blind.id].machine.ask("query-mice"))


@pytest.mark.skipif(shutil.which("mformat") is None, reason="needs mtools")
async def test_a_config_drive_can_be_a_fat_disk(home, state):
    content = {"openstack/latest/meta_data.json": b'{"a": 1}', "openstack/content/0000": bytes(range(256)) * 100}
    async with started(state, drive_format="vfat") as qemu:
        spec = make_spec(home, 1, config_drive=content)
        await qemu.spawn(spec)
        drive = state / "guests" / spec.id / "config.iso"
        for name, wanted in content.items():
            assert subprocess.run(["mtype", "-i", drive, f"::{name}"], capture_output=True, check=True).stdout == wanted
        label = subprocess.run(["mlabel", "-i", drive, "-s", "::"], capture_output=True, text=True, check=True).stdout
        assert "CONFIG-2" in label.upper()
        assert (await qemu.reboot(spec.id, hard=True)).power is Power.RUNNING


@pytest.mark.parametrize("machine", ["pc", "q35"])
@pytest.mark.parametrize(("action", "power"), [("pause", Power.PAUSED), ("poweroff", Power.SHUTDOWN), ("reset", Power.RUNNING),
                                               ("none", Power.RUNNING)])  # fmt: skip
async def test_a_guest_that_hangs_is_treated_as_its_image_says(home, state, machine, action, power):
    """The guest itself starts the watchdog, and then never winds it up again."""
    async with started(state) as qemu:
        spec = make_spec(home, 1, image="watched", properties={"hw_watchdog_action": action, "hw_machine_type": machine})
        await qemu.spawn(spec)
        await says(qemu, spec.id, b"login:", 2 if action == "reset" else 1)

        async def holds():
            return [found.power for found in await qemu.guests()] == [power]

        await until(holds)
        if action == "none":
            await asyncio.sleep(3)
            assert (await qemu.console_log(spec.id)).count(b"login:") == 1 and await holds()
