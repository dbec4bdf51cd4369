"""Glance: images, their bytes, whom they are shared with.

Resources: image (a record and, once uploaded, a blob in one or several stores), member (a project an image is shared with), tag,
task (an import and how it goes), cached copy (of one host); metadata definitions (see `metadefs`).

What must stay true: an image's bytes never change and are what its size, checksum and hash say; bytes are inspected before
an image is active (see `formats`); a blob belongs to exactly one image or is swept away; an id is never used again; a foreign
private image does not exist. Where bytes are only services are told; a caller may name a place once, for a queued image, and only
an address that downloads may come from. An operator may have all places shown and patched (see `service/relocating`), or have
bytes elsewhere left unread (`do_secure_hash`): then they are inspected by every host before it opens them.
"""

# SPDX-License-Identifier: Apache-2.0
