"""The definitions that a new cloud knows: JSON files, each a list of namespaces as the API takes them, by topic."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import msgspec

from pileus.core.errors import Invalid
from pileus.image.metadefs.definitions import Namespace


class DefinitionsUnreadable(Invalid):
    code, message = "image.metadefs_unreadable", "{path}: {why}"


def shipped() -> list[Namespace]:
    """All of them."""
    return [one for path in sorted(files(__name__).iterdir(), key=lambda path: path.name) if path.name.endswith(".json")
            for one in msgspec.json.decode(path.read_bytes(), type=list[Namespace])]


def read(paths: Iterable[Path]) -> list[Namespace]:
    """What is in an operator's files, each a namespace or a list of them. Raises DefinitionsUnreadable."""
    found: list[Namespace] = []
    for path in paths:
        try:
            content = msgspec.json.decode(path.read_bytes(), type=list[Namespace] | Namespace)
        except (OSError, msgspec.DecodeError) as problem:
            raise DefinitionsUnreadable(path=path, why=problem) from problem
        found += content if isinstance(content, list) else [content]
    return found
