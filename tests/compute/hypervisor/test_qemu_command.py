"""A guest as QEMU's arguments, without a QEMU."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pileus.compute.hypervisor.base import GuestSpec, HypervisorFailed, Nic, RootDisk
from pileus.compute.hypervisor.qemu.command import command
from pileus.compute.hypervisor.qemu.layout import NICS_MAX, Folder, Record
from pileus.compute.hypervisor.qemu.probe import Abilities

HOST = Abilities(binary="/usr/bin/qemu", version=(7, 2, 0), sandbox=True)
FOLDER = Folder(Path("/state/guests/g"))
SPEC = GuestSpec(
    id="5e1f0000-0000-4000-8000-000000000001",
    name="instance-00000001",
    vcpus=2,
    memory_mb=512,
    root=RootDisk(base="/images/base", format="qcow2"),
)


def arguments(spec: GuestSpec, host: Abilities = HOST, **options) -> list[str]:
    return command(Record(spec=spec).with_spec(spec), FOLDER, host, **options)


def values(argv: list[str], option: str) -> list[str]:
    return [value for name, value in itertools.pairwise(argv) if name == option]


def blockdev(argv: list[str], name: str) -> dict:
    return next(node for node in map(json.loads, values(argv, "-blockdev")) if node["node-name"] == name)


def nic(n: int, **fields) -> Nic:
    return Nic(port_id=f"port-{n}", mac=f"fa:16:3e:00:00:{n:02x}", device=f"tap{n}", **fields)


def test_without_kvm_the_translation_cache_is_bounded_and_with_it_the_host_cpu_is_used():
    argv = arguments(SPEC)
    assert values(argv, "-accel") == ["tcg,thread=multi,tb-size=32"] and not values(argv, "-cpu")
    argv = arguments(SPEC, replace(HOST, kvm=True))
    assert (values(argv, "-accel"), values(argv, "-cpu")) == (["kvm"], ["host"])


def test_features_of_processor_and_board_are_as_the_image_says():
    def made(host=HOST, **properties):
        return arguments(replace(SPEC, properties=properties), host)

    assert values(made(hw_pmu="yes"), "-cpu") == ["qemu64,pmu=on"]
    assert values(made(replace(HOST, kvm=True), hw_pmu="no", img_hide_hypervisor_id="true"), "-cpu") == ["host,pmu=off,kvm=off"]
    assert values(made(hw_time_hpet="false"), "-machine")[0].endswith("hpet=off") and "hpet" not in values(made(), "-machine")[0]
    for count in range(5):
        argv = made(hw_serial_port_count=str(count))
        assert len([device for device in values(argv, "-device") if device.startswith("isa-serial")]) == count
    assert values(arguments(SPEC), "-device").count("isa-serial,chardev=serial") == 1
    assert "virtio-tablet-pci,id=pointer,bus=pci.0,addr=0x1.2" in values(made(hw_input_bus="virtio"), "-device")
    assert any(device.startswith("usb-tablet") for device in values(made(hw_input_bus="usb"), "-device"))


def test_the_sandbox_is_used_where_it_works():
    assert values(arguments(SPEC), "-sandbox") and "spawn=deny" in values(arguments(SPEC), "-sandbox")[0]
    assert not values(arguments(SPEC, replace(HOST, sandbox=False)), "-sandbox")


def test_formats_are_stated_and_the_base_is_read_only_and_leads_nowhere():
    root = blockdev(arguments(SPEC), "root")
    assert (root["driver"], root["backing"]["driver"]) == ("qcow2", "qcow2")
    assert root["backing"]["read-only"] is True and root["backing"]["backing"] is None
    raw = replace(SPEC, root=RootDisk(base="/images/base", format="raw"))
    assert blockdev(arguments(raw), "root")["backing"]["driver"] == "raw"
    assert all("driver" in node for node in map(json.loads, values(arguments(raw), "-blockdev")))


def test_only_the_root_disk_is_booted_from():
    spec = replace(SPEC, config_drive={}, ephemeral_gib=1, swap_mb=1)
    argv = arguments(spec)
    assert [device for device in values(argv, "-device") if "bootindex" in device] == [
        "virtio-blk-pci,drive=root,bootindex=1,bus=pci.0,addr=0x3"
    ]
    assert blockdev(argv, "config")["read-only"] and not blockdev(argv, "swap")["read-only"]


def test_a_kernel_is_booted_directly():
    assert not values(arguments(SPEC), "-kernel")
    argv = arguments(replace(SPEC, root=replace(SPEC.root, kernel="/k", ramdisk="/r")))
    assert (values(argv, "-kernel"), values(argv, "-initrd")) == (["/k"], ["/r"])
    assert "root=/dev/vda" in values(argv, "-append")[0]
    argv = arguments(replace(SPEC, root=replace(SPEC.root, kernel="/k", kernel_args="quiet")))
    assert (values(argv, "-append"), values(argv, "-initrd")) == (["quiet"], [])


def test_an_interface_is_a_tap_without_scripts_and_without_boot_rom():
    argv = arguments(replace(SPEC, nics=(nic(1, mtu=1450), nic(2, model="e1000"))))
    assert values(argv, "-netdev") == [
        "tap,id=net0,ifname=tap1,script=no,downscript=no",
        "tap,id=net1,ifname=tap2,script=no,downscript=no",
    ]
    assert [device for device in values(argv, "-device") if "netdev" in device] == [
        "virtio-net-pci,id=nic0,netdev=net0,mac=fa:16:3e:00:00:01,romfile=,bus=pci.0,addr=0xa,host_mtu=1450",
        "e1000,id=nic1,netdev=net1,mac=fa:16:3e:00:00:02,romfile=,bus=pci.0,addr=0xb",
    ]
    argv = arguments(replace(SPEC, nics=(nic(1), nic(2, model="e1000"))), replace(HOST, kvm=True, vhost_net=True))
    assert [netdev.endswith(",vhost=on") for netdev in values(argv, "-netdev")] == [True, False]


def test_nothing_a_user_names_becomes_an_option():
    odd = replace(SPEC, name="a,process=evil", nics=(nic(1, mtu=1500),))
    assert values(arguments(odd), "-name") == ["guest=a,,process=evil,debug-threads=on"]
    argv = arguments(replace(SPEC, nics=(Nic(port_id="p", mac="fa:16:3e:00:00:01,bootindex=0", device="tap0,script=/bin/sh"),)))
    assert values(argv, "-netdev") == ["tap,id=net0,ifname=tap0,,script=/bin/sh,script=no,downscript=no"]
    assert "mac=fa:16:3e:00:00:01,,bootindex=0" in values(argv, "-device")[-1]


def test_randomness_screen_and_clock_are_as_images_and_flavors_say():
    def device(name: str, **properties: str) -> str:
        spec = replace(SPEC, properties={key.replace("__", ":"): value for key, value in properties.items()})
        return next(one for one in values(arguments(spec), "-device") if one.startswith(name))

    assert device("virtio-rng-pci") == "virtio-rng-pci,rng=random,bus=pci.0,addr=0x4"
    assert device("virtio-rng-pci", hw_rng__rate_bytes="512").endswith(",max-bytes=512,period=1000")
    assert device("virtio-rng-pci", hw_rng__rate_bytes="512", hw_rng__rate_period="50").endswith(",max-bytes=512,period=50")
    assert device("VGA", hw_video_ram="64").endswith(",vgamem_mb=64")
    assert device("bochs", hw_video_ram="64", hw_video_model="bochs").endswith(",vgamem=64M")
    assert "mem" not in device("virtio-vga", hw_video_ram="64", hw_video_model="virtio")
    clocks = [values(arguments(replace(SPEC, properties={"os_type": kind})), "-rtc") for kind in ("linux", "windows")]
    assert clocks == [["base=utc,driftfix=slew"], ["base=localtime,driftfix=slew"]]


@pytest.mark.parametrize(
    "properties",
    [
        {"hw_machine_type": "microvm"},
        {"hw_machine_type": "pc,accel=kvm"},
        {"hw_machine_type": "xq35"},
        {"hw_video_model": "qxl"},
    ],
)
def test_an_unknown_property_value_is_refused(properties):
    with pytest.raises(HypervisorFailed):
        arguments(replace(SPEC, properties=properties))


@pytest.mark.parametrize("bus", ["usb", "", "virtio,readonly=on"])
def test_an_unknown_bus_or_model_is_refused(bus):
    with pytest.raises(HypervisorFailed):
        arguments(replace(SPEC, root=replace(SPEC.root, bus=bus)))
    with pytest.raises(HypervisorFailed):
        arguments(replace(SPEC, nics=(nic(1, model=bus or "none"),)))


@pytest.mark.parametrize("machine", ["pc", "q35"])
def test_no_two_devices_share_a_place(machine):
    full = replace(
        SPEC,
        config_drive={},
        ephemeral_gib=1,
        swap_mb=1,
        nics=tuple(nic(n) for n in range(NICS_MAX)),
        root=replace(SPEC.root, bus="scsi"),
        properties={"hw_machine_type": machine},
    )
    places = [
        (options["bus"], options["addr"])
        for device in values(arguments(full), "-device")
        if "addr" in (options := dict(part.split("=", 1) for part in device.split(",")[1:] if "=" in part))
    ]
    assert len(places) == len(set(places)) > 5
    with pytest.raises(HypervisorFailed):
        arguments(replace(full, nics=(*full.nics, nic(99))))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=40))
def test_interfaces_keep_their_slots_while_others_come_and_go(steps):
    record, kept = Record(spec=SPEC).with_spec(SPEC), {}
    for plug, n in steps:
        if plug and f"port-{n}" not in record.slots:
            record = record.with_nic(nic(n), busy={0})
            kept[f"port-{n}"] = record.slots[f"port-{n}"]
        elif not plug:
            record = record.without_nic(f"port-{n}")
            kept.pop(f"port-{n}", None)
    assert record.slots == kept == record.with_spec(record.spec).slots
    assert {nic.port_id for nic in record.spec.nics} == set(kept)
    assert len(set(kept.values())) == len(kept) and 0 not in kept.values()


@pytest.mark.parametrize(
    "properties",
    [{"hw_scsi_model": "buslogic"}, {"hw_watchdog_action": "explode"}, {"hw_cdrom_bus": "fdc"}],
)
def test_an_unknown_controller_or_action_is_refused(properties):
    spec = replace(SPEC, config_drive={}, root=replace(SPEC.root, bus="scsi"), properties=properties)
    with pytest.raises(HypervisorFailed):
        arguments(spec)
