"""Options of the image service."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pileus.image.backends.config import AnyStore

GIB = 1 << 30
ImportMethod = Literal["glance-direct", "web-download", "copy-image", "glance-download"]
ImportPlugin = Literal["inject_image_metadata", "image_decompression", "image_conversion"]
ConversionFormat = Literal["raw", "qcow2", "vmdk", "vhd", "vhdx", "vdi"]
Count = Annotated[int, Meta(ge=0)]


class ImageConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[image]"""

    folder: str = ""                        # where the bytes of images are; empty: images in the state folder
    stores: dict[str, AnyStore] = {}        # stores by name, each with a type; empty: one of type file named file, in `folder`
    default_store: str = ""                 # where images are stored that nobody chose a store for; empty: the first that can be written
    hash_threads: Count = 2                 # threads that hash and write what is uploaded; 0: the event loop does it
    max_image_bytes: Count = 1 << 40        # the largest upload
    max_virtual_bytes: Count = 16 << 40     # the largest disk an image may claim to be
    quota_bytes: Count = 0                  # bytes of all images of a project; 0: without limit
    max_staged_bytes: Count = 0             # bytes of a project that are staged and not imported yet; 0: without limit
    max_images: Count = 0                   # images of a project; 0: without limit
    max_uploads: Count = 0                  # images of a project whose bytes come at once; 0: without limit
    unified_limits: bool = False            # the limits of identity count instead (image_size_total in MiB and its like)
    upload_timeout_s: float = 60            # an upload that sends nothing for so long is given up
    certificates_folder: str = ""           # certificates (ID.pem) that signatures of images are verified with
    verify_at_boot: bool = False            # whether hosts verify signed images once more before guests start from them
    property_protection_file: str = ""      # who may do what with which custom properties, in Glance's format
    property_protection_rules: Literal["roles", "policies"] = "roles"   # what that file names
    import_methods: tuple[ImportMethod, ...] = ("glance-direct", "web-download", "copy-image")      # how images may be imported
    # Beginnings of the names of those properties that glance-download brings along.
    remote_properties: tuple[str, ...] = ("hw_", "trait:", "os_distro", "os_secure_boot", "os_type")
    import_plugins: tuple[ImportPlugin, ...] = ()         # what is done to images while they are imported, in this order
    conversion_format: ConversionFormat = "raw"           # the disk format that image_conversion makes of them
    inject_properties: dict[str, str] = {}                # custom properties that inject_image_metadata gives them
    inject_ignored_roles: tuple[str, ...] = ("admin",)    # images of callers with such a role get none of those
    web_schemes: tuple[str, ...] = ("http", "https")      # of addresses that images are downloaded from
    web_ports: tuple[int, ...] = (80, 443)        # ports of such addresses; empty: every port
    web_hosts: tuple[str, ...] = ()               # hosts of such addresses, which may be private ones; empty: every public host
    web_denied_hosts: tuple[str, ...] = ()        # hosts that nothing is downloaded from
    # Whether images are shown with the addresses of their bytes, and whether these may be changed there (the older locations API).
    show_multiple_locations: bool = False
    show_image_direct_url: bool = False           # whether images are shown with the first of those addresses
    do_secure_hash: bool = True                   # whether bytes at a location are read and hashed before their image is active
    delayed_delete_s: Annotated[float, Meta(ge=0)] = 0    # how long the bytes of deleted images are kept; 0: not at all
    cache_folder: str = ""                  # copies of images that are in distant stores; empty: image-cache in the state folder
    cache_max_bytes: Count = 10 * GIB       # how much of that folder is filled; 0: nothing is cached
    cache_days: Annotated[float, Meta(ge=0)] = 30         # copies that nobody read for so long are removed; 0: never
    task_days: float = 2                    # how long the tasks of imports are kept when they ended
    max_properties: Count = 128             # custom properties of one image
    max_tags: Count = 128                   # tags of one image
    max_locations: Count = 10               # locations of one image
    max_members: Count = 128                # projects that one image is shared with
