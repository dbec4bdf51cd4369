"""Glance's error envelope, as WebOb writes it for clients that read JSON."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pileus.core.errors import CloudError
from pileus.core.http import Request


def render(error: CloudError, req: Request) -> tuple[dict[str, str], Any]:
    title = HTTPStatus(error.status).phrase
    return {}, {"message": str(error), "code": f"{error.status} {title}", "title": title}
