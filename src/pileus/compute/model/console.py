"""The permission to see a server's console."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

import msgspec

#: Type of a console in the API → (protocol it belongs to, what hosts call it). Other types exist and are to be had nowhere here.
TYPES = {"novnc": ("vnc", "vnc"), "serial": ("serial", "serial")}


class ConsoleToken(msgspec.Struct, frozen=True, kw_only=True):
    """`hash` is all that is kept of the token itself."""

    hash: str
    server_id: str
    type: str
    expires_at: datetime
