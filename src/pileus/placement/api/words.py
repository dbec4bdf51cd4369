"""What is wrong with a body in the words of JSON Schema, which clients of placement look for in its answers.

The decoder says where the fault is; the value that is at fault is looked up in the body as it came.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

Says = Callable[[str, Any], str]
Faulty = Callable[[str, Any], bool]

_TYPES = {"int": "integer", "str": "string", "float": "number", "bool": "boolean", "object": "object", "array": "array", "null": "null"}
_PYTHON: dict[str, tuple[type, ...]] = {"int": (int,), "str": (str,), "float": (int, float), "bool": (bool,), "object": (dict,),
                                        "array": (list,), "null": (type(None),)}


def _number(text: str) -> str:
    return text[:-2] if text.endswith(".0") else text


#: What the decoder says → (JSON Schema's keyword, the sentence, whether a value is the one at fault).
_FAULTS: list[tuple[re.Pattern[str], str, Says, Faulty]] = [
    (re.compile(r"Expected `(?:int|float)` >=? (\S+)"), "minimum",
     lambda bound, v: f"{v} is less than the minimum of {_number(bound)}", lambda bound, v: _is_number(v) and v < float(bound)),
    (re.compile(r"Expected `(?:int|float)` <= (\S+)"), "maximum",
     lambda bound, v: f"{v} is greater than the maximum of {_number(bound)}", lambda bound, v: _is_number(v) and v > float(bound)),
    (re.compile(r"Expected `str` of length >= (\d+)"), "minLength", lambda bound, v: f"{v!r} is too short",
     lambda bound, v: isinstance(v, str) and len(v) < int(bound)),
    (re.compile(r"Expected `str` of length <= (\d+)"), "maxLength", lambda bound, v: f"{v!r} is too long",
     lambda bound, v: isinstance(v, str) and len(v) > int(bound)),
    (re.compile(r"Expected `array` of length >= (\d+)"), "minItems", lambda bound, v: f"{v!r} is too short",
     lambda bound, v: isinstance(v, list) and len(v) < int(bound)),
    (re.compile(r"Expected `object` of length >= (\d+)"), "minProperties", lambda bound, v: f"{v!r} does not have enough properties",
     lambda bound, v: isinstance(v, dict) and len(v) < int(bound)),
    (re.compile(r"Expected `str` matching regex '(.+?)' - at `key` in"), "additionalProperties",
     lambda pattern, v: f"{v!r} does not match any of the regexes: '{pattern}'",
     lambda pattern, v: isinstance(v, dict) and not all(re.search(pattern, key) for key in v)),
    (re.compile(r"Expected `str` matching regex '(.+?)'"), "pattern", lambda pattern, v: f"{v!r} does not match '{pattern}'",
     lambda pattern, v: isinstance(v, str) and not re.search(pattern, v)),
    (re.compile(r"Expected `(\w+)(?: \| \w+)*`, got"), "type", lambda kind, v: f"{v!r} is not of type '{_TYPES.get(kind, kind)}'",
     lambda kind, v: not isinstance(v, _PYTHON.get(kind, ()))),
    (re.compile(r"Object missing required field `(\w+)`"), "required", lambda name, v: f"'{name}' is a required property",
     lambda name, v: isinstance(v, dict) and name not in v),
    (re.compile(r"Object contains unknown field `(\w+)`"), "additionalProperties",
     lambda name, v: f"Additional properties are not allowed ('{name}' was unexpected)", lambda name, v: isinstance(v, dict) and name in v),
]


def validating(sentence: str, keyword: str, path: str = "") -> str:
    """A sentence with what JSON Schema puts behind it."""
    where = "".join(f"['properties'][{name!r}]" for name in re.findall(r"\.(\w+)", path))
    return f"{sentence}\n\nFailed validating '{keyword}' in schema{where}"


def in_schemas_words(problem: str, raw: bytes) -> str:
    """The sentence for a fault that the decoder found in a body."""
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as broken:
        return f"Malformed JSON: {broken}"
    path = re.search(r" (?:- at|in) `\$(.*)`$", problem)
    for pattern, keyword, says, faulty in _FAULTS:
        if found := pattern.match(problem):
            at = _at(body, path[1] if path else "")
            value = next((v for v in at if faulty(found[1], v)), None)
            if keyword == "additionalProperties" and isinstance(value, dict) and "regexes" in says(found[1], ""):
                value = next(key for key in value if not re.search(found[1], key))
            return "JSON does not validate: " + validating(says(found[1], value), keyword, path[1] if path else "")
    return f"JSON does not validate: {problem}"


def _at(value: Any, path: str) -> Iterator[Any]:
    """The values a path may mean: `[...]` is any value of an object."""
    if not path:
        yield value
        return
    step = re.match(r"\.(\w+)|\[(\d+)\]|\[\.\.\.\]", path)
    if step is None:
        return
    rest = path[step.end():]
    if step[1] is not None and isinstance(value, dict):
        inside = [value[step[1]]] if step[1] in value else []
    elif step[2] is not None and isinstance(value, list):
        inside = value[int(step[2]):int(step[2]) + 1]
    else:
        inside = list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, list) else []
    for one in inside:
        yield from _at(one, rest)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
