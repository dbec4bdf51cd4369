"""Microversions of servers' bodies. What servers look like at each version is in `servers/views.py`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from typing import Any

from pileus.core.errors import Invalid
from pileus.core.http import Change

BODIES = frozenset({"os_compute_api:servers:create", "os_compute_api:servers:update", "compute:server_action"})
LABEL = re.compile(r"[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+")


def _one_label(body: Any, req: Any) -> Any:
    """Before 2.94 a host name had no domain."""
    server = body.get("server", body.get("rebuild")) if isinstance(body, dict) else None
    name = server.get("hostname") if isinstance(server, dict) else None
    if isinstance(name, str) and not (len(name) <= 63 and LABEL.fullmatch(name)):
        raise Invalid(f"Invalid input for field/attribute hostname. Value: {name}. It is not a host name.")
    return body


CHANGES = [Change(version=(2, 94), title="host names may be fully qualified", on=BODIES, request=_one_label)]
