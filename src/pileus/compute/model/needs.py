"""What a flavor or an image asks of a machine that not every host can give it: each such wish is a trait of the host.

A guest that did without would run and not be what was ordered, so the scheduler refuses it where no host has the trait. The names
of wishes and traits are Nova's; those without a standard trait are ours. Pure.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from collections.abc import Mapping

from pileus.compute.hypervisor.devices import MACHINE_TRAIT, SCSI_TRAIT, UEFI_TRAIT
from pileus.compute.model.extra_specs import is_true

REALTIME = "CUSTOM_COMPUTE_REALTIME"
LOCKED_MEMORY = "CUSTOM_COMPUTE_LOCKED_MEMORY"
EMULATOR_THREADS = "CUSTOM_COMPUTE_EMULATOR_THREADS"
USB_REDIRECTION = "CUSTOM_COMPUTE_USB_REDIRECTION"
#: Extra spec, the property of an image that says the same, and the trait that is needed when it is true.
_TRUE = (
    ("hw:mem_encryption", "hw_mem_encryption", "HW_CPU_X86_AMD_SEV"),
    ("hw:cpu_realtime", "", REALTIME),
    ("hw:ephemeral_encryption", "hw_ephemeral_encryption", "COMPUTE_EPHEMERAL_ENCRYPTION"),
    ("hw:virtio_packed_ring", "hw_virtio_packed_ring", "COMPUTE_NET_VIRTIO_PACKED"),
    ("", "hw_firmware_stateless", "COMPUTE_SECURITY_STATELESS_FIRMWARE"),
    ("hw:locked_memory", "hw_locked_memory", LOCKED_MEMORY),
)
#: The same for words: which word needs which trait.
_WORDS = (
    ("hw:tpm_version", "hw_tpm_version", {"1.2": "COMPUTE_SECURITY_TPM_1_2", "2.0": "COMPUTE_SECURITY_TPM_2_0"}),
    ("hw:tpm_model", "hw_tpm_model", {"tpm-tis": "COMPUTE_SECURITY_TPM_TIS", "tpm-crb": "COMPUTE_SECURITY_TPM_CRB"}),
    ("hw:emulator_threads_policy", "", {"isolate": EMULATOR_THREADS}),
    ("os:secure_boot", "os_secure_boot", {"required": "COMPUTE_SECURITY_UEFI_SECURE_BOOT"}),
    ("hw:maxphysaddr_mode", "hw_maxphysaddr_mode",
     {"passthrough": "COMPUTE_ADDRESS_SPACE_PASSTHROUGH", "emulate": "COMPUTE_ADDRESS_SPACE_EMULATED"}),
    ("hw:viommu_model", "hw_viommu_model", {"intel": "COMPUTE_VIOMMU_MODEL_INTEL", "smmuv3": "COMPUTE_VIOMMU_MODEL_SMMUV3",
                                            "virtio": "COMPUTE_VIOMMU_MODEL_VIRTIO", "auto": "COMPUTE_VIOMMU_MODEL_AUTO"}),
)
#: Property of an image, and of a flavor → how the trait begins of a host that has such a device.
_DEVICES = {
    "hw_cdrom_bus": "COMPUTE_STORAGE_BUS_",
    "hw_disk_bus": "COMPUTE_STORAGE_BUS_",
    "hw_emulation_architecture": "COMPUTE_ARCH_",
    "hw_rescue_bus": "COMPUTE_STORAGE_BUS_",
    "hw_sound_model": "COMPUTE_SOUND_MODEL_",
    "hw_usb_model": "COMPUTE_USB_MODEL_",
    "hw_video_model": "COMPUTE_GRAPHICS_MODEL_",
    "hw_vif_model": "COMPUTE_NET_VIF_MODEL_",
}


#: A machine of a certain version is one of its family.
_FAMILY = re.compile(r"pc-(i440fx|q35)-.*")


def traits_needed(specs: Mapping[str, str], image: Mapping[str, str]) -> frozenset[str]:
    """The flavor's word counts before the image's."""
    found = {trait for spec, name, trait in _TRUE if is_true(specs.get(spec) or image.get(name) or "no")}
    found |= {words[said] for spec, name, words in _WORDS if (said := specs.get(spec) or image.get(name)) in words}
    for name, begin in _DEVICES.items():
        device = specs.get(name.replace("_", ":", 1)) or image.get(name)
        if device and (name, device) != ("hw_usb_model", "none"):       # a machine has none unless it needs one
            found |= {begin + _word(device)}
    if (specs.get("hw:redirected_usb_ports") or image.get("hw_redirected_usb_ports") or "0") != "0":
        found |= {USB_REDIRECTION}
    if machine := image.get("hw_machine_type"):
        found |= {MACHINE_TRAIT + _word(_FAMILY.sub(r"\1", machine).replace("i440fx", "pc"))}
    if "scsi" in (image.get("hw_disk_bus"), image.get("hw_cdrom_bus"), image.get("hw_rescue_bus")) and image.get("hw_scsi_model"):
        found |= {SCSI_TRAIT + _word(image["hw_scsi_model"])}
    return frozenset(found | ({UEFI_TRAIT} if image.get("hw_firmware_type") == "uefi" else set()))


def _word(name: str) -> str:
    """As a part of a trait's name."""
    return re.sub(r"\W", "_", name).upper()
