"""What sagas remember of images whose bytes go to several stores. Pure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec


class Spread(msgspec.Struct, kw_only=True):
    """Bytes on their way: `blob` is their key in all of the stores, in the image's row before there is a byte.

    `failed` are the stores that could not take them, `must_succeed` says whether there may be any."""

    image_id: str
    task_id: str
    blob: str
    stores: list[str]
    must_succeed: bool = True
    failed: list[str] = []
