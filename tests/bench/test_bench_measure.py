"""How `pileus bench` measures, chooses, finds its cloud, and reports."""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
import re

import msgspec
import pytest

from pileus.bench import report
from pileus.bench.flows import pauses
from pileus.bench.main import Options, bench, choose
from pileus.bench.measure import Samples, cpu_seconds, figures, quantile, repeat
from pileus.bench.scenarios import ON_REQUEST, SCENARIOS, Call, Flow
from pileus.bench.session import NoSuchCloud, Session, Unfit, login_body, read_cloud
from pileus.bench.world import KINDS, World
from pileus.core.clock import VirtualClock, VirtualTimeLoop
from pileus.core.ids import Ids


def in_virtual_time(work):
    loop = VirtualTimeLoop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


def test_work_is_shared_by_the_users_and_timed():
    clock = VirtualClock()

    async def work(user):
        await asyncio.sleep(0.5)
        return {"": 0.5}

    samples = in_virtual_time(repeat(work, at=4, total=20, seconds=None, clock=clock))
    row, = figures(samples, scenario="s", about="a", at=4)
    assert (row.count, row.failed, row.seconds, row.per_second) == (20, 0, 2.5, 8.0)
    assert (row.median_ms, row.p95_ms) == (500, 500)


def test_time_bounds_what_has_no_number():
    async def work(user):
        await asyncio.sleep(0.3)
        return {"": 0.3}

    samples = in_virtual_time(repeat(work, at=2, total=10**9, seconds=1.0, clock=VirtualClock()))
    assert len(samples.parts[""]) == 8


def test_a_failure_is_counted_and_told_and_the_others_go_on():
    turn = iter(range(10))

    async def work(user):
        if next(turn) == 3:
            raise ValueError("the third")
        await asyncio.sleep(0.3)
        return {"boot": 0.1, "delete": 0.2}

    rows = figures(in_virtual_time(repeat(work, at=1, total=10, seconds=None, clock=VirtualClock())), scenario="s", about="a", at=1)
    assert [(row.part, row.count, row.failed, row.problem) for row in rows] == [
        ("boot", 9, 1, "ValueError: the third"), ("delete", 9, 1, "ValueError: the third"),
    ]


def test_nothing_but_failures_is_a_row_as_well():
    row, = figures(Samples(parts={}, problems=["no"]), scenario="s", about="a", at=1)
    assert (row.count, row.failed, row.problem) == (0, 1, "no")


@pytest.mark.parametrize(("count", "median", "p95"), [(1, 1, 1), (2, 1, 2), (4, 2, 4), (20, 10, 19), (100, 50, 95)])
def test_quantiles_are_nearest_ranks(count, median, p95):
    values = [float(n) for n in range(count, 0, -1)]
    assert (quantile(values, 0.5), quantile(values, 0.95)) == (median, p95)


def test_looks_become_rarer():
    wait = pauses(0.01, 0.05, 2)()
    assert [next(wait) for _ in range(5)] == [0.01, 0.02, 0.04, 0.05, 0.05]


def test_processor_time_of_a_process_or_none():
    assert cpu_seconds(os.getpid()) > 0
    assert cpu_seconds(None) is None


def test_the_table_of_scenarios_is_sound():
    names = [one.name for one in SCENARIOS]
    assert len(set(names)) == len(names)
    assert set(ON_REQUEST) < set(names)
    known = {"@name@", "@image@", "@flavor@", "@network@", "@token@", "@login@"}
    for one in SCENARIOS:
        if isinstance(one, Call):
            assert set(re.findall(r"@\w+@", msgspec.json.encode(one).decode())) <= known
            assert one.creates in ("", *KINDS)
            assert bool(one.creates) == ("@name@" in msgspec.json.encode(one.body).decode())
            assert not one.creates or one.most, "what creates things needs a bound"
        else:
            assert isinstance(one, Flow) and one.at and one.total


def test_scenarios_are_chosen_by_name():
    assert [one.name for one in choose(["networks", "version"])] == ["version", "networks"]
    assert not {one.name for one in choose([])} & set(ON_REQUEST)
    with pytest.raises(Unfit, match="no scenario named nonsense"):
        choose(["nonsense"])


def test_a_cloud_is_found_where_clients_look(tmp_path):
    path = tmp_path / "clouds.yaml"
    path.write_text("clouds: {mine: {auth: {auth_url: 'http://h/v3'}}}\n")
    assert read_cloud("mine", path)["auth"]["auth_url"] == "http://h/v3"
    assert read_cloud("mine", None, {"OS_CLIENT_CONFIG_FILE": str(path)})["auth"]
    with pytest.raises(NoSuchCloud, match="has no cloud named yours; it has mine"):
        read_cloud("yours", path)
    with pytest.raises(NoSuchCloud, match=r"no clouds\.yaml at"):
        read_cloud("mine", tmp_path / "absent")


def test_a_login_has_the_scope_of_the_clouds_yaml():
    auth = {"username": "u", "password": "p", "user_domain_name": "D", "project_name": "x", "project_domain_id": "d"}
    body = login_body(auth)["auth"]
    assert body["identity"]["password"]["user"] == {"password": "p", "name": "u", "domain": {"name": "D"}}
    assert body["scope"] == {"project": {"name": "x", "domain": {"id": "d"}}}
    assert login_body({"user_id": "1", "password": "p", "system_scope": "all"})["auth"]["scope"] == {"system": {"all": True}}
    assert login_body({"user_id": "1", "password": "p", "project_id": "2"})["auth"]["scope"] == {"project": {"id": "2"}}


def test_words_between_at_signs_are_filled_in():
    session = Session(
        auth={"user_id": "1", "password": "p"}, auth_url="http://h/v3", token="T", project_id="P",
        endpoints={"image": "http://h/image", "network": "http://h/network/v2.0/", "compute": "http://h/compute/v2.1"},
    )
    world = World(session, image="I", flavor="F", network="N", clock=VirtualClock(), ids=Ids(1))
    assert world.fill("/images/@image@?@flavor@@network@@token@") == "/images/I?FNT"
    assert msgspec.json.decode(world.fill('{"a":"@login@"}'))["a"] == login_body(session.auth)
    assert world.name() != world.name()
    assert world.server == {"imageRef": "I", "flavorRef": "F", "networks": [{"uuid": "N"}]}
    with pytest.raises(Unfit, match="no network to use"):
        _ = World(session, image="I", flavor="F", network="", clock=VirtualClock(), ids=Ids(1)).server
    assert session.url("image", "/images") == "http://h/image/v2/images"
    assert session.url("network", "/ports") == "http://h/network/v2.0/ports"
    assert session.url("compute", "/servers") == "http://h/compute/v2.1/servers"
    assert b"POST /compute/v2.1/servers HTTP/1.1\r\nHost: h\r\n" in session.request("POST", "compute", "/servers", {"a": 1}).data


def test_a_report_has_a_row_for_each_measurement():
    row, = figures(Samples(parts={"": [0.001, 0.0456]}, problems=[], seconds=2.0, client_cpu=0.001), scenario="s", about="what", at=1)
    assert report.markdown([row]).splitlines()[2] == "| s | what | 1 | 2 | 1.00 | 45.6 | 1.00 |  | 0.50 |  |"


def test_a_cloud_that_is_not_there_is_one_line_and_a_status(tmp_path, capsys):
    (tmp_path / "clouds.yaml").write_text(
        "clouds: {c: {auth: {auth_url: 'http://127.0.0.1:9/v3', username: u, password: p, project_name: x}}}\n")
    assert bench("version", options=Options(os_cloud="c", clouds=tmp_path / "clouds.yaml")) == 1
    assert capsys.readouterr().err.startswith("pileus bench: ")
