"""kill -9 at any moment of creates and deletes, then a new start: everything finishes or is undone, and nothing is left."""

import contextlib
import random
import threading
import time

import pytest

from tests.e2e.process import CloudProcess

COMPUTE = "/compute/v2.1"


def order(client, network: str, image: str, name: str) -> None:
    server = {"name": name, "flavorRef": "42", "imageRef": image, "networks": [{"uuid": network}]}
    client.send("POST", f"{COMPUTE}/servers", {"server": server})


def servers(client) -> list[dict]:
    return client.get(f"{COMPUTE}/servers/detail?all_tenants=1")["servers"]


def wait_until_settled(client, seconds: float = 20) -> list[dict]:
    """Nothing is in BUILD, nothing in a task, no journal is open."""
    end = time.monotonic() + seconds
    while True:
        found = servers(client)
        open_ = client.get("/status")["operations"]
        if not open_ and all(s["OS-EXT-STS:task_state"] is None for s in found):
            return found
        assert time.monotonic() < end, (open_, [(s["id"], s["status"], s["OS-EXT-STS:task_state"]) for s in found])
        time.sleep(0.1)


@pytest.mark.realtime
@pytest.mark.parametrize("seed", range(3))
def test_kill_at_any_moment(tmp_path, seed):
    chance, cloud = random.Random(seed), CloudProcess(tmp_path / "cloud", "--simulated")
    cloud.start()
    try:
        for turn in range(4):
            client, admin = cloud.client(), cloud.client("pileus-admin")
            network = client.get("/network/v2.0/networks?name=private")["networks"][0]["id"]
            image = client.get("/image/v2/images?name=tiny")["images"][0]["id"]

            def work(client=client, network=network, image=image, turn=turn, existing=servers(admin)) -> None:
                with contextlib.suppress(Exception):       # the cloud is killed while it answers
                    for i in range(6):
                        order(client, network, image, f"t{turn}-{i}")
                        for server in existing[i:i + 1]:
                            client.send("DELETE", f"{COMPUTE}/servers/{server['id']}")

            thread = threading.Thread(target=work)
            thread.start()
            time.sleep(chance.uniform(0.005, 0.35))
            cloud.kill()
            thread.join()
            cloud.start()
            found = wait_until_settled(cloud.client("pileus-admin"))
            assert {s["status"] for s in found} <= {"ACTIVE"}, [(s["name"], s["status"], s.get("fault")) for s in found]
        check_all_agrees(cloud)
        client, admin = cloud.client(), cloud.client("pileus-admin")
        for server in servers(admin):
            client.send("DELETE", f"{COMPUTE}/servers/{server['id']}")
        assert wait_until_settled(admin) == []
        check_all_agrees(cloud)
        assert cloud.end() == 0
    finally:
        if cloud.process.poll() is None:
            cloud.kill()


def check_all_agrees(cloud: CloudProcess) -> None:
    """Allocations, ports and guests are those of the servers there are."""
    admin = cloud.client("pileus-admin")
    ids = {s["id"] for s in servers(admin)}
    held = set()
    for provider in admin.get("/placement/resource_providers")["resource_providers"]:
        held |= set(admin.get(f"/placement/resource_providers/{provider['uuid']}/allocations")["allocations"])
    assert held == ids
    ports = admin.get("/network/v2.0/ports")["ports"]
    assert {p["device_id"] for p in ports if p["device_owner"].startswith("compute:")} == ids
    guests = {p.name.removesuffix(".json") for p in (cloud.state / "simulated").rglob("*.json")}
    assert guests == ids
