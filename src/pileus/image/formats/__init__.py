"""What a disk image is, found out by our own bounded parser before any tool opens it.

Users upload what they like; QEMU and qemu-img follow references inside an image to other files of the host (backing files,
external data files, VMDK extents), and believe any size it claims. So every image is looked at while it is uploaded, refused
when it is not what it was declared to be, names another file, or is larger than allowed, and from then on always opened
with the format it was checked for: nothing in this cloud probes a format.

    inspector = Inspector()
    for chunk in upload: inspector.feed(chunk)
    check("qcow2", inspector.finish(), max_virtual_bytes=…)

`parsing` is the contract of a parser, one file per family of formats has them, `inspector` runs them all side by side,
`verdict` decides, `qemu_img` runs the tool under limits. Parsers do no I/O, never raise anything but `Damaged`, keep at most
a few hundred KiB, and work the same on a stream and on a file.
"""

# SPDX-License-Identifier: Apache-2.0
from pileus.image.formats.inspector import Found, Inspector, inspect
from pileus.image.formats.verdict import FormatMismatch, FormatUnknown, ImageTooLarge, ImageUnsafe, check

__all__ = ["FormatMismatch", "FormatUnknown", "Found", "ImageTooLarge", "ImageUnsafe", "Inspector", "check", "inspect"]
