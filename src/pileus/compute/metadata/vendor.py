"""What the operator tells every guest: `vendor_data.json`, from one file (Nova's StaticJSON)."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path


def vendor_data(file: str) -> bytes:
    """The file's JSON object, read each time, so that a change needs no restart; `{}` without a file.

    Raises ValueError for a file that is not there or holds something else."""
    if not file:
        return b"{}"
    try:
        found = json.loads(Path(file).read_bytes())
    except OSError as error:
        raise ValueError(f"vendordata_file: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"vendordata_file: {file} holds no JSON object")
    return json.dumps(found).encode()
