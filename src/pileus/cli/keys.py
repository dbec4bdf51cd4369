"""`pileus identity rotate-keys` and `pileus token show`: the keys that tokens are made with, and what they say."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pileus.cli.options import STATE, State, configuration

if TYPE_CHECKING:
    from pileus.config import CloudConfig
    from pileus.identity.keys import Keys
    from pileus.identity.payload import Payload


def rotate_keys(*, state: State = STATE) -> int:
    """Make the staged key the one that tokens are made with, and stage a new one. Tokens stay valid; a running cloud follows.

    Keys that credentials are encrypted with are left alone: without an old one, what it encrypted would be lost.
    """
    config = configuration(state)
    folder = token_keys(config, state)
    if not folder.is_dir():
        print(f"There are no keys in {folder}: this cloud has not been started yet.", file=sys.stderr)
        return 1
    keys = _keys(folder, config)
    keys.rotate()
    print(f"Tokens are made with key {max(int(p.name) for p in folder.iterdir() if p.name.isdecimal())} of {folder}.")
    return 0


def show(token: str, *, state: State = STATE) -> int:
    """What a token says: whose it is, what for, how it was had, until when. That it was not revoked is for the cloud to say.

    Parameters
    ----------
    token
        The token, as in X-Auth-Token.
    """
    from pileus.identity.payload import unpack

    config = configuration(state)
    folder = token_keys(config, state)
    data = _keys(folder, config).open_token(token) if folder.is_dir() else None
    payload = unpack(data) if data is not None else None
    if payload is None:
        print("No key of this cloud proves it: it was made elsewhere or long ago, or was changed.", file=sys.stderr)
        return 1
    print("\n".join(explain(payload)))
    return 0


def explain(p: Payload) -> list[str]:
    from pileus.core.clock import Clock, iso
    from pileus.identity.payload import DOMAIN, PROJECT, SYSTEM

    scope = {PROJECT: f"project {p.target_id}", DOMAIN: f"domain {p.target_id}", SYSTEM: "the system"}.get(p.scope, "nothing (unscoped)")
    over = " (expired)" if p.expires_at <= Clock().now() else ""
    lines = [
        f"user        {p.user_id}",
        f"scope       {scope}",
        f"proven by   {', '.join(p.shown_methods)}",
        f"issued at   {iso(p.issued_at)}",
        f"expires at  {iso(p.expires_at)}{over}",
        f"audit id    {p.audit_ids[0]}",
    ]
    lines += [f"made from   the token with audit id {before}" for before in p.audit_ids[1:]]
    lines += [f"by trust    {p.trust_id}"] if p.trust_id else []
    lines += [f"by          application credential {p.app_cred_id}"] if p.app_cred_id else []
    return lines


def weaknesses(folder: Path) -> list[str]:
    """What is wrong with a folder of keys: who can read a key can make tokens, or read credentials."""
    if not folder.is_dir():
        return []
    found = [f"{folder} can be entered by others" for mode in [folder.stat().st_mode] if stat.S_IMODE(mode) & 0o077]
    files = [p for p in folder.iterdir() if p.name.isdecimal()]
    found += [f"{p} can be read by others" for p in files if stat.S_IMODE(p.stat().st_mode) & 0o077]
    return found + ([] if len(files) >= 2 else [f"{folder} has no primary and no staged key"])


def token_keys(config: CloudConfig, state: Path) -> Path:
    return Path(config.identity.key_repository) if config.identity.key_repository else state / "identity" / "fernet-keys"


def credential_keys(config: CloudConfig, state: Path) -> Path:
    configured = config.identity.credential_key_repository
    return Path(configured) if configured else state / "identity" / "credential-keys"


def _keys(folder: Path, config: CloudConfig) -> Keys:
    from pileus.core.clock import Clock
    from pileus.core.ids import Ids
    from pileus.identity.keys import Keys

    keys = Keys(folder, config.identity, Clock(), Ids())
    keys.reload()
    return keys
