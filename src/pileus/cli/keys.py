"""`pileus identity rotate-keys`: the keys that tokens are made with. And what `pileus doctor` looks for in folders of keys."""

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
    from pileus.identity.signing_keys import SigningKeys


def rotate_keys(*, state: State = STATE) -> int:
    """Make the staged key the one that tokens are made with, and stage a new one. Tokens stay valid; a running cloud follows.

    Keys that credentials are encrypted with are left alone: see rotate-credential-keys.
    """
    config = configuration(state)
    for folder in token_folders(config, state):
        if not folder.is_dir():
            print(f"There are no keys in {folder}: this cloud has not been started with them yet.", file=sys.stderr)
            return 1
    sealing, signing = opened(config, state)
    for keys, verb in ((signing, "signed"), (sealing, "sealed")):
        if keys is not None:
            keys.rotate()
            print(f"What is {verb} is made with key {max(keys.folder.numbers())} of {keys.folder.path}.")
    return 0


def opened(config: CloudConfig, state: Path) -> tuple[Keys, SigningKeys | None]:
    """The keys of the folders as they are: nothing is made."""
    from pileus.core.clock import Clock
    from pileus.core.ids import Ids
    from pileus.identity.keys import Keys
    from pileus.identity.signing_keys import SigningKeys

    sealing, *signing = token_folders(config, state)
    keys: list = [Keys(sealing, config.identity, Clock(), Ids()), *(SigningKeys(f, config.identity, Clock(), Ids()) for f in signing)]
    for each in keys:
        each.reload()
    return keys[0], keys[1] if signing else None


def weaknesses(folder: Path) -> list[str]:
    """What is wrong with a folder of keys: who can read a key can make tokens, or read credentials."""
    if not folder.is_dir():
        return []
    found = [f"{folder} can be entered by others" for mode in [folder.stat().st_mode] if stat.S_IMODE(mode) & 0o077]
    files = [p for p in folder.iterdir() if p.name.isdecimal()]
    found += [text for p in files for text in exposed(p)]
    found += [f"{p} is no key" for p in files if not _is_key(p.read_bytes())]
    return found + ([] if len(files) >= 2 else [f"{folder} has no primary and no staged key"])


def exposed(file: Path) -> list[str]:
    """What is wrong with a file of a key, if there is one."""
    if file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077:
        return [f"{file} can be read by others"]
    return []


def token_folders(config: CloudConfig, state: Path) -> list[Path]:
    """Of the keys that seal, and of those that sign where tokens are signed."""
    identity = config.identity
    sealing = _place(identity.key_repository, state, "fernet-keys")
    return [sealing] if identity.token_provider == "fernet" else [sealing, _place(identity.jws_key_repository, state, "jws-keys")]


def credential_folder(config: CloudConfig, state: Path) -> Path:
    return _place(config.identity.credential_key_repository, state, "credential-keys")


def saml_key(config: CloudConfig, state: Path) -> Path:
    """Of the key that assertions for other clouds are signed with."""
    return Path(config.identity.saml_idp_key) if config.identity.saml_idp_key else state / "identity" / "saml-idp.pem"


def _place(configured: str, state: Path, name: str) -> Path:
    return Path(configured) if configured else state / "identity" / name


def _is_key(data: bytes) -> bool:
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        load_pem_private_key(data, None) if data.startswith(b"-----") else Fernet(data)
    except ValueError:
        return False
    return True
