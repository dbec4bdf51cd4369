"""Glance: images, their bytes, whom they are shared with.

Resources: image (a record and, once uploaded, a blob), member (a project an image is shared with), tag; metadata
definitions (see `metadefs`).

What must stay true: an image's bytes never change and are what its size, checksum and hash say; bytes are inspected before
an image is active (see `formats`); a blob belongs to exactly one image or is swept away; an id is never used again; a foreign
private image does not exist. Where bytes are is nobody's business: there are no locations in the API.
"""

# SPDX-License-Identifier: Apache-2.0
