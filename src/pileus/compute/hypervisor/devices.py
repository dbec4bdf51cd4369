"""The kinds of devices that guests can be given, as traits of hosts: in Placement's standard names, where it has one.

What an image asks for and no host has is refused by the scheduler (`model.needs`), not at boot.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

#: A host with firmware for guests that are to boot by UEFI.
UEFI_TRAIT = "COMPUTE_FIRMWARE_UEFI"

#: Kinds of machines and of SCSI controllers. Placement knows no names for them.
MACHINE_TRAIT, SCSI_TRAIT = "CUSTOM_COMPUTE_MACHINE_", "CUSTOM_COMPUTE_SCSI_MODEL_"

TRAITS = (
    "COMPUTE_ARCH_X86_64",
    "COMPUTE_GRAPHICS_MODEL_BOCHS",
    "COMPUTE_GRAPHICS_MODEL_CIRRUS",
    "COMPUTE_GRAPHICS_MODEL_NONE",
    "COMPUTE_GRAPHICS_MODEL_VGA",
    "COMPUTE_GRAPHICS_MODEL_VIRTIO",
    "COMPUTE_GRAPHICS_MODEL_VMVGA",
    "COMPUTE_IMAGE_TYPE_QCOW2",
    "COMPUTE_IMAGE_TYPE_RAW",
    "COMPUTE_NET_VIF_MODEL_E1000",
    "COMPUTE_NET_VIF_MODEL_E1000E",
    "COMPUTE_NET_VIF_MODEL_NE2K_PCI",
    "COMPUTE_NET_VIF_MODEL_PCNET",
    "COMPUTE_NET_VIF_MODEL_RTL8139",
    "COMPUTE_NET_VIF_MODEL_VIRTIO",
    "COMPUTE_STORAGE_BUS_IDE",
    "COMPUTE_STORAGE_BUS_SATA",
    "COMPUTE_STORAGE_BUS_SCSI",
    "COMPUTE_STORAGE_BUS_VIRTIO",
    f"{MACHINE_TRAIT}PC",
    f"{MACHINE_TRAIT}Q35",
    f"{SCSI_TRAIT}LSILOGIC",
    f"{SCSI_TRAIT}LSISAS1068",
    f"{SCSI_TRAIT}LSISAS1078",
    f"{SCSI_TRAIT}VIRTIO_SCSI",
    f"{SCSI_TRAIT}VMPVSCSI",
)
