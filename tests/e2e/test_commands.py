"""The commands that speak to a cloud, tried as a user would, on one that runs."""

import json
import subprocess
import sys
import time

import pytest

from pileus.cli import COMMANDS, GROUPS
from tests.e2e.process import ROOT, CloudProcess, environment

COMPUTE = "/compute/v2.1"


def pileus(*args: str, state=None) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "pileus", *args, *(("--state", str(state)) if state else ())], cwd=ROOT, env=environment(),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    cloud = CloudProcess(tmp_path_factory.mktemp("commands") / "cloud", "--simulated")
    cloud.start()
    yield cloud
    cloud.end()


@pytest.fixture(scope="module")
def server(cloud):
    client = cloud.client()
    network = client.get("/network/v2.0/networks?name=private")["networks"][0]["id"]
    image = client.get("/image/v2/images?name=tiny")["images"][0]["id"]
    wanted = {"name": "web-1.a", "flavorRef": "42", "imageRef": image, "networks": [{"uuid": network}]}
    id = json.load(client.send("POST", f"{COMPUTE}/servers", {"server": wanted}))["server"]["id"]
    end = time.monotonic() + 60
    while client.get(f"{COMPUTE}/servers/{id}")["server"]["status"] != "ACTIVE":
        assert time.monotonic() < end
        time.sleep(0.1)
    return id


@pytest.mark.realtime
def test_the_status_is_whole_when_it_goes_into_a_file(cloud, server):
    shown = pileus("status", state=cloud.state)
    assert shown.returncode == 0 and server in shown.stdout and "web-1.a" in shown.stdout
    assert "report_host" in shown.stdout and "…" not in shown.stdout


@pytest.mark.realtime
def test_a_server_is_explained_by_its_id_and_by_its_name(cloud, server):
    for said in (server, "web-1.a"):
        shown = pileus("scheduler", "explain", said, state=cloud.state)
        assert shown.returncode == 0 and f"server {server} is on" in shown.stdout, shown.stderr
    for other in ("web-1", "web-1?a", "/", "no such"):
        assert pileus("scheduler", "explain", other, state=cloud.state).returncode == 1


@pytest.mark.realtime
def test_the_variables_log_in(cloud):
    shown = pileus("env", "pileus-admin", state=cloud.state)
    assert f"export OS_AUTH_URL=http://{cloud.listen}/identity/v3" in shown.stdout and "export OS_USERNAME=admin" in shown.stdout
    assert pileus("env", "elsewhere", state=cloud.state).returncode == 1


@pytest.mark.realtime
def test_who_reads_may_have_enough(cloud):
    command = f"'{sys.executable}' -m pileus config | head -c 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("#") and done.stderr == ""


@pytest.mark.realtime
@pytest.mark.parametrize("group", ["", *GROUPS])
def test_help_says_what_each_command_does(group):
    shown = pileus(*group.split(), "--help").stdout
    for name in GROUPS[group][1] if group else COMMANDS:
        line = next(line for line in shown.splitlines() if line.startswith("│ " + name[:28]))
        assert len(line.strip("│ ").split()) > 2, line
