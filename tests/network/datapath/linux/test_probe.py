"""What the probe says, here and where something is missing."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import shutil

import pytest

from pileus.network.datapath.linux import netns
from pileus.network.datapath.linux.probe import probe
from tests.network.datapath.linux.lab import Lab, needs_root, run


def by_name():
    return {one.name: one for one in probe()}


@pytest.mark.root
@pytest.mark.skipif(needs_root[1].args[0], reason="needs root")
def test_a_machine_that_runs_these_tests_can_do_all_that_is_needed():
    before = os.readlink("/proc/self/ns/net"), netns.names()
    assert [one for one in probe() if one.needed and not one.works] == []
    assert (os.readlink("/proc/self/ns/net"), netns.names()) == before


def test_missing_tools_are_named(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda tool: None)
    found = by_name()
    for tool in ("nft", "dnsmasq"):
        assert not found[tool].works and "apt-get install" in found[tool].says


def test_without_root_it_says_so_and_does_not_raise(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    def refused(*_):
        raise PermissionError("Operation not permitted")

    monkeypatch.setattr(netns, "leave_for_good", refused)
    found = by_name()
    assert not found["root"].works and "sudo" in found["root"].says
    assert not found["network namespaces"].works and "not permitted" in found["network namespaces"].says
    assert "tap" not in found


@pytest.mark.root
@pytest.mark.skipif(needs_root[1].args[0], reason="needs root")
def test_a_firewall_that_drops_is_noticed(lab: Lab, monkeypatch):
    """As Docker leaves the host: the policy of FORWARD is drop."""
    rules = "table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }"
    assert run(lab.host, "nft", rules).returncode == 0
    monkeypatch.setenv("PATH", os.environ["PATH"])
    script = lab.run_folder / "nft"                             # the probe's own namespace is not the laboratory's
    script.write_text(f"#!/bin/sh\nexec ip netns exec {lab.host} {shutil.which('nft')} \"$@\"\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{lab.run_folder}:{os.environ['PATH']}")
    found = by_name()["other firewalls"]
    assert not found.works and "ip filter FORWARD" in found.says and not found.needed
