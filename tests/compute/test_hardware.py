"""Image properties and extra specs as one machine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.compute.hypervisor.devices import TRAITS
from pileus.compute.hypervisor.qemu.drives import SCSI_MODELS
from pileus.compute.model import hardware
from pileus.compute.model.needs import traits_needed
from pileus.core.errors import Invalid


def properties(image, flavor, vcpus):
    return hardware.properties(image, flavor, vcpus, 512)


def shape(found):
    return tuple(int(found[f"hw_cpu_{part}"]) for part in ("sockets", "cores", "threads"))


def test_only_what_concerns_the_machine_is_taken():
    found = properties({"hw_vif_model": "e1000", "os_type": "linux", "owner": "me"},
                       {"quota:disk_read_iops_sec": "10", "capabilities:vcpus": "2"}, 1)
    assert found == {"hw_vif_model": "e1000", "os_type": "linux", "quota:disk_read_iops_sec": "10", "hw_watchdog_action": "disabled"}


def test_the_image_chooses_the_watchdog_and_the_flavor_what_takes_from_others():
    assert properties({"hw_watchdog_action": "reset"}, {"hw:watchdog_action": "pause"}, 1)["hw_watchdog_action"] == "reset"
    assert properties({}, {"hw:watchdog_action": "pause"}, 1)["hw_watchdog_action"] == "pause"
    assert properties({}, {"hw:cpu_policy": "dedicated"}, 2)["hw_cpu_dedicated"] == "0,1"
    assert properties({}, {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "2-3"}, 4)["hw_cpu_dedicated"] == "2,3"
    assert "hw_cpu_dedicated" not in properties({"hw_cpu_dedicated": "0"}, {}, 1), "no image can say it"


def test_what_memory_is_made_of():
    assert properties({}, {"hw:mem_page_size": "2MB"}, 1)["hw_pages"] == "2048"
    assert properties({"hw_mem_page_size": "large"}, {"hw:mem_page_size": "any"}, 1)["hw_pages"] == "large"
    for small in ({}, {"hw:mem_page_size": "small"}, {"hw:mem_page_size": "4"}):
        assert "hw_pages" not in properties({"hw_pages": "2048"}, small, 1)
    assert properties({"hw_rng_model": "virtio"}, {"hw_rng:allowed": "False"}, 1)["hw_rng_model"] == "none"


def test_devices_that_a_host_must_have():
    assert traits_needed({}, {"os_type": "linux"}) == frozenset()
    devices = {"hw_disk_bus": "scsi", "hw_vif_model": "ne2k_pci", "hw_video_model": "cirrus", "hw_firmware_type": "uefi"}
    assert traits_needed({}, devices) == {
        "COMPUTE_STORAGE_BUS_SCSI", "COMPUTE_NET_VIF_MODEL_NE2K_PCI", "COMPUTE_GRAPHICS_MODEL_CIRRUS", "COMPUTE_FIRMWARE_UEFI"}
    assert traits_needed({"os:secure_boot": "required"}, {"hw_disk_bus": "lsilogic-sas"}) == {
        "COMPUTE_SECURITY_UEFI_SECURE_BOOT", "COMPUTE_STORAGE_BUS_LSILOGIC_SAS"}


@pytest.mark.parametrize(("flavor", "image", "trait"), [
    ({}, {"hw_emulation_architecture": "aarch64"}, "COMPUTE_ARCH_AARCH64"),
    ({"hw:sound_model": "ich9"}, {}, "COMPUTE_SOUND_MODEL_ICH9"),
    ({}, {"hw_usb_model": "nec-xhci"}, "COMPUTE_USB_MODEL_NEC_XHCI"),
    ({"hw:locked_memory": "true"}, {}, "CUSTOM_COMPUTE_LOCKED_MEMORY"),
    ({"hw:emulator_threads_policy": "isolate"}, {}, "CUSTOM_COMPUTE_EMULATOR_THREADS"),
    ({}, {"hw_machine_type": "virt-7.2"}, "CUSTOM_COMPUTE_MACHINE_VIRT_7_2"),
    ({"hw:redirected_usb_ports": "1"}, {}, "CUSTOM_COMPUTE_USB_REDIRECTION"),
])  # fmt: skip
def test_what_no_driver_makes_is_needed_of_a_host_and_not_left_out_silently(flavor, image, trait):
    assert traits_needed(flavor, image) == {trait}
    assert trait not in TRAITS


def test_what_is_left_as_it_is_needs_nothing():
    assert not traits_needed({"hw:emulator_threads_policy": "share", "hw:redirected_usb_ports": "0"}, {"hw_usb_model": "none"})
    assert traits_needed({}, {"hw_emulation_architecture": "x86_64"}) <= set(TRAITS)
    for machine in ("pc", "q35", "pc-i440fx-7.2", "pc-q35-6.0"):
        assert traits_needed({}, {"hw_machine_type": machine}) <= {"CUSTOM_COMPUTE_MACHINE_PC", "CUSTOM_COMPUTE_MACHINE_Q35"}
    for model in SCSI_MODELS:
        assert traits_needed({}, {"hw_scsi_model": model, "hw_disk_bus": "scsi"}) <= set(TRAITS)
    assert not traits_needed({}, {"hw_scsi_model": "buslogic", "hw_disk_bus": ""})
    assert not traits_needed({}, {"hw_scsi_model": "buslogic", "hw_disk_bus": "scsi"}) <= set(TRAITS)


def test_flavor_and_image_agree_on_what_both_may_say():
    assert properties({"hw_pmu": "yes"}, {"hw:pmu": "true"}, 1)["hw_pmu"] == "true"
    assert properties({}, {"hide_hypervisor_id": "true"}, 1)["img_hide_hypervisor_id"] == "true"
    assert properties({"img_hide_hypervisor_id": "true"}, {}, 1)["img_hide_hypervisor_id"] == "true"
    assert properties({"hw_serial_port_count": "1"}, {"hw:serial_port_count": "3"}, 1)["hw_serial_port_count"] == "1"
    assert properties({}, {"hw:serial_port_count": "3"}, 1)["hw_serial_port_count"] == "3"


def test_the_flavor_bounds_the_memory_of_the_screen():
    assert properties({"hw_video_ram": "16"}, {"hw_video:ram_max_mb": "16"}, 1)["hw_video_ram"] == "16"
    for most in ({}, {"hw_video:ram_max_mb": "15"}):
        with pytest.raises(Invalid):
            properties({"hw_video_ram": "16"}, most, 1)
    assert properties({}, {"hw_rng:rate_bytes": "5"}, 1)["hw_rng:rate_bytes"] == "5"


@pytest.mark.parametrize(("image", "flavor"), [
    ({"hw_watchdog_action": "explode"}, {}),
    ({"hw_cpu_cores": "many"}, {}),
    ({"hw_vif_model": "virtio,script=/bin/sh"}, {}),
    ({"hw_machine_type": "pc,accel=kvm"}, {}),
    ({"hw_cpu_policy": "dedicated"}, {"hw:cpu_policy": "shared"}),
    ({"hw_cpu_policy": "dedicated"}, {"hw:cpu_policy": "mixed"}),
    ({"hw_mem_page_size": "large"}, {}),
    ({"hw_mem_page_size": "large"}, {"hw:mem_page_size": "2048"}),
    ({"hw_numa_nodes": "2"}, {"hw:numa_nodes": "1"}),
    ({"hw_cpu_max_sockets": "4"}, {"hw:cpu_max_sockets": "2"}),
    ({}, {"hw:cpu_max_sockets": "1", "hw:cpu_max_cores": "1", "hw:cpu_max_threads": "1"}),
    ({}, {"hw:cpu_sockets": "-1"}),
    ({}, {"accel:device_profile": "gpu"}),
    ({"hw_pmu": "no"}, {"hw:pmu": "true"}),
    ({"img_hide_hypervisor_id": "no"}, {"hw:hide_hypervisor_id": "true"}),
    ({"hw_serial_port_count": "3"}, {"hw:serial_port_count": "2"}),
    ({}, {"hw:serial_port_count": "5"}),
    ({"hw_input_bus": "ps2"}, {}),
    ({"hw_machine_type": "q35", "hw_disk_bus": "ide"}, {}),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(image, flavor):
    with pytest.raises(Invalid):
        properties(image, flavor, 4)


def test_processors_are_arranged_as_wanted_where_that_is_possible():
    assert "hw_cpu_sockets" not in properties({}, {}, 4)
    assert shape(properties({"hw_cpu_sockets": "2"}, {}, 4)) == (2, 2, 1)
    assert shape(properties({"hw_cpu_cores": "4"}, {"hw:cpu_cores": "2"}, 4)) == (2, 2, 1)
    assert shape(properties({}, {"hw:cpu_max_sockets": "1"}, 4)) == (1, 4, 1)
    assert shape(properties({"hw_cpu_cores": "3"}, {}, 4)) == (4, 1, 1), "what cannot be is not insisted on, as in Nova"
    assert shape(properties({"hw_cpu_threads": "2", "hw_cpu_cores": "2"}, {}, 8)) == (2, 2, 2)


@given(st.integers(1, 64), st.dictionaries(st.sampled_from(["hw:cpu_sockets", "hw:cpu_cores", "hw:cpu_threads", "hw:cpu_max_sockets"]),
                                           st.integers(1, 16).map(str), min_size=1))
def test_an_arrangement_always_has_all_processors(vcpus, flavor):
    sockets, cores, threads = shape(properties({}, flavor, vcpus))
    assert sockets * cores * threads == vcpus and sockets <= int(flavor.get("hw:cpu_max_sockets", vcpus))
