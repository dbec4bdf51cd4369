"""Hashes of suffixes: replicas compare these few instead of all their files.

A suffix is the folder of all objects whose hash ends in the same three digits; its hash is one of the names of the files in it.
`hashes.json` keeps what was reckoned; `hashes.invalid` names what has changed since. Both are only touched under the lock, so
that no change is overlooked between the reckoning and the writing down.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import md5
from pathlib import Path

import msgspec

from pileus.object_store.storage.object.history import fragment

#: Reckons the hash of one suffix; None when there is nothing in it.
Reckon = Callable[[str], str | None]


@contextmanager
def locked(part: str) -> Iterator[None]:
    fd = os.open(f"{part}/.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def invalidate(part: str, suffix: str) -> None:
    """Note that something in a suffix has changed."""
    with locked(part):
        fd = os.open(f"{part}/hashes.invalid", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(fd, (suffix + "\n").encode())
        finally:
            os.close(fd)


def hashes(folder: str, reckon: Reckon, *, all_again: bool = False) -> dict[str, str]:
    """suffix → hash, of all suffixes in which there is something. `all_again`: trust nothing that was written down."""
    part = Path(folder)
    try:
        with locked(folder):
            known = {} if all_again else _read(part / "hashes.json")
            changed = set(_text(part / "hashes.invalid").split())
            there = {name for name in os.listdir(part) if len(name) == 3 and name.isalnum()}
            for suffix in (changed | (there - known.keys())) & there:
                value = reckon(suffix)
                if value is None:
                    known.pop(suffix, None)
                else:
                    known[suffix] = value
            known = {suffix: value for suffix, value in known.items() if suffix in there}
            beside = part / "hashes.new"
            beside.write_bytes(msgspec.json.encode(known))
            os.replace(beside, part / "hashes.json")
            (part / "hashes.invalid").unlink(missing_ok=True)
            return known
    except FileNotFoundError:
        return {}                           # the partition is not, or no longer, here


def of_names(names: dict[str, list[str]]) -> str | None:
    """The hash of a suffix: of which files of which objects count in it.

    Devices hold different fragments of the same objects. Where there are fragments there is a hash for each index, of what is there of
    the objects if all other indexes are left out, so that they can be compared: `0=… 3=…`, and `-=…` for any index that is not there.
    """
    if not any(names.values()):
        return None
    indexes = sorted({found[1] for files in names.values() for name in files if (found := fragment(name))})
    if not indexes:
        return _digest(names)
    hashes = [f"-={_digest(without(names, None))}"]
    return " ".join(hashes + [f"{index}={_digest(without(names, index))}" for index in indexes])


def without(names: dict[str, list[str]], index: int | None) -> dict[str, list[str]]:
    """The files of objects as if there were no fragments but the durable ones of one index, which look like whole bodies."""
    found: dict[str, list[str]] = {}
    for hash, files in names.items():
        kept = [(f"{part[0]}.data" if part else name) for name in files
                if (part := fragment(name)) is None or (part[1] == index and part[2])]
        if kept:
            found[hash] = kept
    return found


def of_index(hash: str, index: int) -> str:
    """Of the hash of a suffix with fragments, that which counts for one index."""
    each = dict(part.partition("=")[::2] for part in hash.split(" ")) if "=" in hash else {"-": hash}
    return each.get(str(index), each["-"])


def _digest(names: dict[str, list[str]]) -> str:
    digest = md5(usedforsecurity=False)
    for hash in sorted(names):
        digest.update((hash + " " + " ".join(sorted(names[hash])) + "\n").encode())
    return digest.hexdigest()


def _read(path: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (FileNotFoundError, msgspec.DecodeError):
        return {}


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
