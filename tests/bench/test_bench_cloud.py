"""`pileus bench` against a cloud that was started as a user starts it: every scenario works, and nothing is left behind."""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import figures
from conformance.cloud import ROOT, CloudFailed, environment, fresh_cloud

from pileus.bench.main import Options, bench, choose
from pileus.bench.session import User, log_in, read_cloud
from pileus.bench.world import KINDS


@pytest.fixture(scope="module")
def cloud():
    with fresh_cloud(settings="[identity]\nbcrypt_cost = 4\n[compute]\nhosts = 2\n") as started:
        yield started


def left_behind(cloud) -> dict[str, list[str]]:
    async def look():
        user = User()
        session = await log_in(user, read_cloud("pileus", cloud.clouds_yaml))
        found = {}
        for kind, (service, path, _, key) in KINDS.items():
            rows = (await user.json(session.request("GET", service, path)))[key]
            found[kind] = [row["name"] for row in rows if row["name"].startswith("bench-")]
        user.close()
        return found

    return asyncio.run(look())


def test_every_scenario_of_a_plain_run_works_and_cleans_up(cloud, tmp_path, capsys):
    saved = tmp_path / "api.json"
    names = [one.name for one in choose([]) if one.name not in ("servers-100", "networks-190")]
    status = bench(*names, form="markdown", save=saved, options=Options(
        clouds=cloud.clouds_yaml, at="2", total=1, seconds=0.05, server_pid=cloud.process.pid))
    rows = json.loads(saved.read_text())
    assert [row["problem"] for row in rows if row["problem"]] == []
    assert status == 0
    assert {row["scenario"] for row in rows} == set(names)
    assert all(row["count"] and row["median_ms"] > 0 and row["server_cpu_ms"] is not None for row in rows)
    assert capsys.readouterr().out.count("\n") == len(rows) + 2
    assert not any(left_behind(cloud).values())


def test_quotas_are_lifted_for_the_larger_ones(cloud, capsys):
    assert bench("boot-and-delete", options=Options(clouds=cloud.clouds_yaml, at="12", total=12), form="json") == 0
    rows = {row["part"]: row for row in json.loads(capsys.readouterr().out)}
    assert {part: row["count"] for part, row in rows.items()} == {"accepted": 12, "active": 12, "deleted": 12}
    assert not any(left_behind(cloud).values())


def test_figures_are_made_of_saved_results(cloud, tmp_path, monkeypatch, capsys):
    bench("version", "token-validate", options=Options(clouds=cloud.clouds_yaml, at="1,16", seconds=0.05), save=tmp_path / "api.json")
    monkeypatch.setattr(figures, "RESULTS", tmp_path)
    monkeypatch.setattr(figures, "HERE", tmp_path)
    figures.main()
    text = (tmp_path / "figures.md").read_text()
    assert "| GET /v3/auth/tokens |" in text and "≥ 8,000/s at 16" in text
    assert "Rally" not in text


def test_a_cloud_ends_with_the_process_that_started_it():
    code = ("from conformance.cloud import fresh_cloud\nimport time\n"
            "with fresh_cloud() as cloud: print(cloud.process.pid, cloud.state, flush=True); time.sleep(60)")
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment())
    pid, state = starter.stdout.readline().split()
    starter.terminate()
    assert starter.wait(20) == 128 + signal.SIGTERM
    assert not Path(state).exists()
    assert not Path(f"/proc/{pid}").exists()


def test_a_cloud_that_does_not_start_says_why():
    with pytest.raises(CloudFailed, match="the cloud ended with status"), fresh_cloud(settings="[compute]\nnonsense = 1\n"):
        pass
