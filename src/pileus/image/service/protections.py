"""Property protections: who may create, read, update and delete which custom properties of images.

The file is Glance's: a section for each pattern of names, with roles (or one policy rule) for each of the four; the first
pattern that a name matches decides, `@` is everybody, `!` nobody. With a file, a name that no pattern matches is nobody's. What
the caller may not read is not there for it: not in answers, and not for filters of lists.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from pileus.core.context import Context
from pileus.core.errors import Invalid
from pileus.core.policy import Policy
from pileus.image.errors import PropertyProtected
from pileus.image.model import Image, Wanted

OPERATIONS = ("create", "read", "update", "delete")


class ProtectionsInvalid(Invalid):
    code, message = "image.protections_invalid", "{path}: {why}"


class Protection(msgspec.Struct, frozen=True):
    """A pattern of names, and who may do what with them."""

    pattern: re.Pattern[str]
    allowed: dict[str, frozenset[str]]      # operation → roles or rules


class Protections:
    def __init__(self, policy: Policy, path: Path | None = None, style: str = "roles"):
        """Without a file, everybody who may do something with an image may do it with all of its properties.

        Raises ProtectionsInvalid."""
        self.policy, self.by_roles = policy, style == "roles"
        self.rules = None if path is None else self._read(path)

    def allows(self, who: Context, image: Image, name: str, operation: str) -> bool:
        if self.rules is None:
            return True
        for rule in self.rules:
            if rule.pattern.match(name):
                return self._grants(who, image, rule.allowed[operation])
        return False

    def readable(self, who: Context, image: Image) -> Image:
        """The image as the caller may see it."""
        if self.rules is None:
            return image
        seen = {name: value for name, value in image.properties.items() if self.allows(who, image, name, "read")}
        return msgspec.structs.replace(image, properties=seen)

    def hides(self, who: Context, wanted: Wanted, image: Image) -> bool:
        """Whether a list is asked for by properties that the caller may not read; `image` is one that it would own."""
        return any(not self.allows(who, image, name, "read") for name, _ in wanted.properties)

    def check(self, who: Context, image: Image, old: Mapping[str, str], new: Mapping[str, str]) -> None:
        """Raises PropertyProtected unless the caller may make the one of the other."""
        for name in old.keys() | new.keys():
            operation = "create" if name not in old else "delete" if name not in new else "update"
            if old.get(name) != new.get(name) and not self.allows(who, image, name, operation):
                raise PropertyProtected(name=name)

    def _grants(self, who: Context, image: Image, allowed: frozenset[str]) -> bool:
        if "@" in allowed or "!" in allowed:
            return "@" in allowed
        if self.by_roles:
            return bool(allowed & who.roles)
        target = {"project_id": image.owner, "owner": image.owner, "visibility": image.visibility}
        return all(self.policy.check(rule, who, target) for rule in allowed)

    def _read(self, path: Path) -> list[Protection]:
        parser = configparser.RawConfigParser(strict=True)
        try:
            parser.read_string(path.read_text())
            return [Protection(re.compile(name), {op: self._who(parser.get(name, op)) for op in OPERATIONS}) for name in parser.sections()]
        except (OSError, UnicodeDecodeError, configparser.Error, re.error, ValueError) as problem:
            raise ProtectionsInvalid(path=path, why=problem) from problem

    def _who(self, text: str) -> frozenset[str]:
        """The roles, or the rule, of one line. Raises ValueError."""
        found = frozenset(word.strip().lower() if self.by_roles else word.strip() for word in text.split(",")) - {""}
        if not found or (len(found) > 1 and found & {"@", "!"}):
            raise ValueError(f"{text!r} names nobody, or @ or ! and others")
        if not self.by_roles:
            if len(found) > 1:
                raise ValueError(f"{text!r} is more than one policy rule")
            if unknown := [rule for rule in found - {"@", "!"} if rule not in self.policy]:
                raise ValueError(f"there is no policy rule {unknown[0]!r}")
        return found
