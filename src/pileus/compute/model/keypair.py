"""The key pair of a user: its public half."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

import msgspec


class Keypair(msgspec.Struct, frozen=True, kw_only=True):
    user_id: str
    name: str
    number: int  # the id that the API shows
    type: str = "ssh"  # ssh | x509
    public_key: str
    fingerprint: str
    created_at: datetime
