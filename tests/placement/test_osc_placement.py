"""The `openstack` commands of osc-placement, unmodified, against a cloud: what operators do with placement."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
from conformance.cloud import fresh_cloud

shell = pytest.importorskip("openstackclient.shell")
pytest.importorskip("osc_placement")

pytestmark = pytest.mark.realtime
CONSUMER = "5b1bd9cb-4bd4-4d3e-a2dc-25bf5e8e9b8d"


#: Commands that show nothing.
QUIET = (" delete ", " unset ", "resource class create", "trait create")


class Openstack:
    """The client in this process: a new one for each command would cost seconds."""

    def __init__(self, capsys):
        self.capsys = capsys

    def __call__(self, command: str, *, version: str = "1.39", status: int = 0):
        """What a command shows as JSON; the text of what it refuses."""
        shows = status == 0 and not any(word in command for word in QUIET)
        words = ["--os-cloud", "pileus-admin", "--os-placement-api-version", version, *command.split()]
        self.capsys.readouterr()
        got = shell.main(words + (["-f", "json"] if shows else []))
        out, err = self.capsys.readouterr()
        assert got == status, (command, out, err)
        return json.loads(out) if shows and out.strip() else out + err


@pytest.fixture(scope="module")
def clouds_yaml() -> Iterator[str]:
    with fresh_cloud() as cloud:
        yield str(cloud.clouds_yaml)


@pytest.fixture
def openstack(clouds_yaml, capsys, monkeypatch) -> Openstack:
    """One cloud for all: the client remembers its settings as long as the process lives."""
    for name in [name for name in os.environ if name.startswith("OS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", clouds_yaml)
    return Openstack(capsys)


def test_what_operators_do(openstack):
    (host,) = openstack("resource provider list")
    assert openstack(f"resource provider show {host['uuid']}")["name"] == host["name"]
    stock = {row["resource_class"] for row in openstack(f"resource provider inventory list {host['uuid']}")}
    assert {"VCPU", "MEMORY_MB", "DISK_GB"} <= stock

    # providers: made, renamed, nested, and what they have
    pool = openstack("resource provider create pool")["uuid"]
    card = openstack(f"resource provider create card --parent-provider {pool}")
    assert card["parent_provider_uuid"] == card["root_provider_uuid"] == pool
    assert openstack(f"resource provider set {pool} --name lake")["name"] == "lake"
    assert {row["name"] for row in openstack(f"resource provider list --in-tree {pool}")} == {"lake", "card"}
    openstack("resource class create CUSTOM_CARD")
    assert openstack("resource class show CUSTOM_CARD")["name"] == "CUSTOM_CARD"
    openstack(f"resource provider inventory set {card['uuid']} --resource CUSTOM_CARD=4 --resource CUSTOM_CARD:max_unit=2")
    shown = openstack(f"resource provider inventory show {card['uuid']} CUSTOM_CARD")
    assert (shown["total"], shown["max_unit"]) == (4, 2)
    openstack(f"resource provider inventory class set {card['uuid']} CUSTOM_CARD --total 8 --max_unit 2")
    openstack(f"resource provider inventory set {pool} --resource DISK_GB=100")

    # traits and aggregates
    openstack("trait create CUSTOM_FAST")
    assert [row["name"] for row in openstack("trait list --name in:CUSTOM_FAST,CUSTOM_NO")] == ["CUSTOM_FAST"]
    openstack(f"resource provider trait set {card['uuid']} --trait CUSTOM_FAST --trait HW_CPU_X86_SSE")
    assert {row["name"] for row in openstack(f"resource provider trait list {card['uuid']}")} == {"CUSTOM_FAST", "HW_CPU_X86_SSE"}
    generation = openstack(f"resource provider show {pool}")["generation"]
    openstack(f"resource provider aggregate set {pool} --aggregate {CONSUMER} --generation {generation}")
    assert [row["uuid"] for row in openstack(f"resource provider aggregate list {pool}")] == [CONSUMER]
    assert "409" in openstack(f"resource provider aggregate set {pool} --aggregate {CONSUMER} --generation {generation}", status=1)
    assert [row["name"] for row in openstack(f"resource provider list --member-of {CONSUMER}")] == ["lake"]

    # candidates and allocations
    found = openstack("allocation candidate list --resource CUSTOM_CARD=2 --required CUSTOM_FAST")
    assert [row["resource provider"] for row in found] == [card["uuid"]]
    assert openstack("allocation candidate list --resource CUSTOM_CARD=2 --forbidden CUSTOM_FAST") == []
    project, user = openstack("token issue")["project_id"], openstack("token issue")["user_id"]
    whose = f"--project-id {project} --user-id {user}"
    openstack(f"resource provider allocation set {CONSUMER} --allocation rp={card['uuid']},CUSTOM_CARD=2 {whose} --consumer-type TEST")
    (held,) = openstack(f"resource provider allocation show {CONSUMER}")
    assert held["resource_provider"] == card["uuid"] and held["resources"] == {"CUSTOM_CARD": 2}
    assert openstack(f"resource usage show {project}") == [{"resource_class": "TEST", "usage": {"CUSTOM_CARD": 2, "consumer_count": 1}}]
    assert {row["resource_class"]: row["usage"] for row in openstack(f"resource provider usage show {card['uuid']}")} == {"CUSTOM_CARD": 2}
    refused = openstack(f"resource provider allocation set {CONSUMER} --allocation rp={card['uuid']},CUSTOM_CARD=3 {whose} "
                        "--consumer-type TEST", status=1)
    assert "409" in refused, "three are more than one may take"
    assert "409" in openstack(f"resource provider delete {card['uuid']}", status=1), "it is in use"
    openstack(f"resource provider allocation unset {CONSUMER}")

    # and all of it away again
    openstack(f"resource provider trait delete {card['uuid']}")
    openstack(f"resource provider inventory delete {card['uuid']}")
    openstack(f"resource provider delete {card['uuid']}")
    openstack(f"resource provider delete {pool}")
    openstack("resource class delete CUSTOM_CARD")
    openstack("trait delete CUSTOM_FAST")
    assert [row["name"] for row in openstack("resource provider list")] == [host["name"]]


@pytest.mark.parametrize("version", ["1.0", "1.14", "1.28"])
def test_older_clients(openstack, version):
    made = openstack("resource provider create old", version="1.14" if version == "1.0" else version)
    assert [row["uuid"] for row in openstack("resource provider list --name old", version=version)] == [made["uuid"]]
    openstack(f"resource provider inventory set {made['uuid']} --resource VCPU=4", version=version)
    assert openstack(f"resource provider inventory show {made['uuid']} VCPU", version=version)["total"] == 4
    openstack(f"resource provider delete {made['uuid']}", version=version)
