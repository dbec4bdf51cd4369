"""Options of the image service."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

GIB = 1 << 30
Count = Annotated[int, Meta(ge=0)]


class ImageConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[image]"""

    folder: str = ""                        # where the bytes of images are; empty: images in the state folder
    hash_threads: Count = 2                 # threads that hash and write what is uploaded; 0: the event loop does it
    max_image_bytes: Count = 1 << 40        # the largest upload
    max_virtual_bytes: Count = 16 << 40     # the largest disk an image may claim to be
    quota_bytes: Count = 0                  # bytes of all images of a project; 0: without limit
    upload_timeout_s: float = 60            # an upload that sends nothing for so long is given up
    max_properties: Count = 128             # custom properties of one image
    max_tags: Count = 128                   # tags of one image
    max_members: Count = 128                # projects that one image is shared with
