"""The reference page of a configuration."""

import msgspec

from pileus.core.config import describe


class Shape(msgspec.Struct, tag_field="type"):
    color: str = "red"          # what it looks like


class Circle(Shape, tag="circle", kw_only=True):
    radius: int                 # from its middle


class Square(Shape, tag="square"):
    side: int = 1               # of four


class Drawing(msgspec.Struct):
    title: str = ""             # above it
    shapes: dict[str, Circle | Square] = {}     # by name
    lists: dict[str, list[Shape]] = {}          # are no sections


def test_sections_that_operators_name_are_described_by_their_type():
    page = describe(Drawing, "drawing.")
    assert "| `title` | str | `''` | above it |" in page
    assert '## [drawing.shapes.NAME], `type = "circle"`\n' in page and '## [drawing.shapes.NAME], `type = "square"`\n' in page
    assert page.count("| `color` | str | `'red'` | what it looks like |") == 2              # an option of all of them
    assert "| `radius` | int | (required) | from its middle |" in page and "drawing.lists.NAME" not in page
