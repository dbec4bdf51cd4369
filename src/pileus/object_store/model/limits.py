"""The limits of names and metadata, as `/info` tells them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[object_store.limits]"""

    max_file_size: int = 5 * (1 << 30) + 2  # bytes of one object that is not made of segments
    max_meta_name_length: int = 128         # bytes of a metadata's name
    max_meta_value_length: int = 256        # bytes of a metadata's value
    max_meta_count: int = 90                # metadata of one account, container or object
    max_meta_overall_size: int = 4096       # bytes of all metadata of one of them
    max_header_size: int = 8192             # bytes of one header
    max_object_name_length: int = 1024      # bytes of an object's name
    container_listing_limit: int = 10_000   # objects in one page of a listing
    account_listing_limit: int = 10_000     # containers in one page of a listing
    max_account_name_length: int = 256      # bytes of an account's name
    max_container_name_length: int = 256    # bytes of a container's name
