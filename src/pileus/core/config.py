"""Configuration: one TOML file, decoded once at start into one Struct per service. Unknown keys fail at start.

Each service declares its own Struct in its `config.py`; `cloud.py` puts them together. `describe` renders the reference
page from the classes, so that no option is without its documentation.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import inspect
import re
import tomllib
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from pileus.core.errors import Invalid

T = TypeVar("T", bound=msgspec.Struct)


class ConfigInvalid(Invalid):
    code, message = "config.invalid", "{path}: {why}"


def load(kind: type[T], path: Path | None, overrides: dict | None = None) -> T:
    """The configuration in `path` (or the defaults), with `overrides` (section → key → value) on top.

    Raises ConfigInvalid for a file that cannot be read, an unknown key or a value of the wrong type.
    """
    try:
        data = tomllib.loads(path.read_text()) if path else {}
        for section, values in (overrides or {}).items():
            data.setdefault(section, {}).update(values)
        return msgspec.convert(data, kind)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as problem:
        raise ConfigInvalid(path=path or "configuration", why=problem) from problem


def options(section: type[msgspec.Struct]) -> Iterator[tuple[str, str, object, str]]:
    """(name, type, default, documentation) of each option: the documentation is the comment behind or above the field."""
    comments: dict[str, str] = {}
    pending: list[str] = []
    classes = [one for one in reversed(section.__mro__) if issubclass(one, msgspec.Struct) and one is not msgspec.Struct]
    for line in (line for one in classes for line in inspect.getsource(one).splitlines()[1:]):
        if found := re.match(r"\s+(\w+)\s*:.*?#\s*(.+)$", line):
            comments[found[1]] = " ".join([*pending, found[2]])
            pending = []
        elif found := re.match(r"\s+#:?\s*(.+)$", line):
            pending.append(found[1])
        elif found := re.match(r"\s+(\w+)\s*:", line):
            comments[found[1]], pending = " ".join(pending), []
    for field in msgspec.structs.fields(section):
        default = field.default
        if default is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        yield field.name, _plain_type(field.type), default, comments.get(field.name, "")


def _default(value: object) -> str:
    return "(required)" if value is msgspec.NODEFAULT else f"`{value!r}`"


def _plain_type(hint: Any) -> str:
    """A type in a reader's words: without modules, bounds and `Annotated`."""
    while typing.get_origin(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) is typing.Literal:
        return " or ".join(f"`{value}`" for value in typing.get_args(hint))
    return hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else re.sub(r"[\w.]+\.", "", str(hint))


def describe(kind: type[msgspec.Struct], prefix: str = "") -> str:
    """The reference page of a configuration, as Markdown: a table per section, sections of sections after theirs."""
    plain: list[str] = []
    sections: list[str] = []
    for field in msgspec.structs.fields(kind):
        (sections if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct) else plain).append(field.name)
    lines: list[str] = []
    rows = [row for row in options(kind) if row[0] in plain]
    if rows:
        title = f"## [{prefix.rstrip('.')}]" if prefix else "## Outside of any section"
        lines += [title, "", "| option | type | default | meaning |", "|---|---|---|---|"]
        lines += [f"| `{name}` | {type_} | {_default(default)} | {text} |" for name, type_, default, text in rows] + [""]
    for field in msgspec.structs.fields(kind):
        if field.name in sections:
            lines.append(describe(field.type, f"{prefix}{field.name}."))
        for named in _named(field.type):
            tag = f', `type = "{named.__struct_config__.tag}"`' if named.__struct_config__.tag else ""
            lines.append(describe(named, f"{prefix}{field.name}.NAME.").replace("]\n", f"]{tag}\n", 1))
    return "\n".join(lines)


def _named(hint: Any) -> tuple[type[msgspec.Struct], ...]:
    """The Structs of sections that are named by the operator: those of a `dict[str, Struct]`, or of one of several."""
    if typing.get_origin(hint) is not dict:
        return ()
    value = typing.get_args(hint)[1]
    kinds = typing.get_args(value) if isinstance(value, types.UnionType) else (value,)
    return tuple(kind for kind in kinds if isinstance(kind, type) and issubclass(kind, msgspec.Struct))
