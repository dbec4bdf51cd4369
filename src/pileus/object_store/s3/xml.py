"""XML as S3's documents use it: written by hand, and read without anything that a document could make grow.

A document type is refused, and with it every entity of its own (CVE-2022-47950: entities that read files; bombs of entities).
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from collections.abc import Iterator
from xml.parsers.expat import ExpatError, ParserCreate
from xml.sax.saxutils import escape

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
#: What no document may hold, not even escaped (XML 1.0, 2.2): written as references, as Amazon does.
CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
#: Deeper and longer than any document of S3's.
DEEPEST, MOST = 20, 50_000


def tag(name: str, value: object = "", attributes: str = "") -> str:
    """An element with text."""
    text = "true" if value is True else "false" if value is False else str(value)
    text = CONTROLS.sub(lambda found: f"&#x{ord(found[0]):x};", escape(text))
    return f"<{name}{attributes}>{text}</{name}>"


def node(name: str, *children: str, attributes: str = "") -> str:
    """An element with elements."""
    return f"<{name}{attributes}>{''.join(children)}</{name}>"


def document(name: str, *children: str, namespace: str = NAMESPACE) -> bytes:
    attributes = f' xmlns="{namespace}"' if namespace else ""
    return ("<?xml version='1.0' encoding='UTF-8'?>\n" + node(name, *children, attributes=attributes)).encode("utf-8", "replace")


class Node:
    """An element that was read. Namespaces are left out of names: clients use several, and none."""

    __slots__ = ("attributes", "children", "name", "parts")

    def __init__(self, name: str, attributes: dict[str, str]):
        self.name, self.attributes = name, attributes
        self.children: list[Node] = []
        self.parts: list[str] = []

    @property
    def text(self) -> str:
        return "".join(self.parts)

    def all(self, name: str) -> Iterator[Node]:
        return (child for child in self.children if child.name == name)

    def find(self, path: str) -> Node | None:
        """The first below a path of names."""
        found: Node | None = self
        for name in path.split("/"):
            found = next(found.all(name), None) if found is not None else None
        return found

    def value(self, path: str, default: str = "") -> str:
        found = self.find(path)
        return found.text.strip() if found is not None else default


def parse(body: bytes, root: str) -> Node:
    """The document, whose outermost element is `root`. Raises ValueError for everything else."""
    reader = _Reader()
    parser = ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.characters
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = reader.refuse
    try:
        parser.Parse(body, True)
    except (ExpatError, LookupError) as problem:    # LookupError: an encoding that nobody knows
        raise ValueError(str(problem)) from None
    if reader.root is None or reader.root.name != root:
        raise ValueError(f"not a document of {root}")
    return reader.root


class _Reader:
    def __init__(self) -> None:
        self.root: Node | None = None
        self.open: list[Node] = []
        self.count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        made = Node(name.rpartition(" ")[2], {key.rpartition(" ")[2]: value for key, value in attributes.items()})
        self.count += 1
        if self.count > MOST or len(self.open) >= DEEPEST:
            raise ValueError("a document that is too large")
        if self.open:
            self.open[-1].children.append(made)
        else:
            self.root = made
        self.open.append(made)

    def end(self, name: str) -> None:
        self.open.pop()

    def characters(self, text: str) -> None:
        self.open[-1].parts.append(text)

    def refuse(self, *_: object) -> None:
        raise ValueError("a document type")
