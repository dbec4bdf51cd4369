"""constraints.txt pins, with hashes, all that pyproject.toml asks for, and tells nobody where to download it."""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
spec = importlib.util.spec_from_file_location("pins", ROOT / "scripts" / "pins.py")
pins = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pins)


@pytest.mark.parametrize("group", ["runtime", "build", *PROJECT["optional-dependencies"]])
def test_every_requirement_is_pinned(group):
    pinned = {name for name, _, _ in pins.blocks((ROOT / "constraints.txt").read_text())}
    assert pins.wanted([group]) <= pinned, "run scripts/pin-dependencies"


@pytest.mark.parametrize("path", ["constraints.txt", "conformance/requirements.txt"])
def test_every_pin_has_hashes_and_no_address(path):
    text = (ROOT / path).read_text()
    assert "://" not in text
    assert all("--hash=sha256:" in lines for _, lines, _ in pins.blocks(text))


def test_a_group_brings_what_its_packages_need_and_no_more():
    asked_by = {"a": ["the project"], "b": ["a", "d"], "c": ["d"], "d": ["the project"]}
    text = "".join(f"{name}==1 \\\n    --hash=sha256:0\n    # via\n" + "".join(f"    #   {who}\n" for who in askers)
                   for name, askers in asked_by.items())
    assert pins.closure(pins.blocks(text), {"a"}) == {"a", "b"}
    assert pins.closure(pins.blocks(text), {"d"}) == {"b", "c", "d"}
