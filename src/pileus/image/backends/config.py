"""Options of image stores: a section for each store that is named, whose `type` says which of these it is."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec


class StoreConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    description: str = ""                   # what users are told about it
    weight: int = 0                         # of the stores that have an image, the one with the greatest weight is read

    @property
    def type(self) -> str:
        return str(self.__struct_config__.tag)

    def properties(self) -> dict[str, Any]:
        """What administrators see of it in `/v2/info/stores/detail`: never a secret."""
        return {}


class FileConfig(StoreConfig, tag="file"):
    """Files of folders of this host, or of a file system that all hosts share."""

    folder: str = ""                        # where the bytes are; empty: images in the state folder
    more_folders: tuple[str, ...] = ()      # further folders; an image goes where most space is left

    def properties(self) -> dict[str, Any]:
        return {"data_dir": self.folder, "thin_provisioning": True}


AnyStore = FileConfig
