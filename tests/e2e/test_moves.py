"""Two QEMU hosts on this machine, by configuration alone: a guest is moved between them and answers where its address leads."""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from pileus.cli import demo
from pileus.hosts import tag
from tests.e2e.process import CloudProcess
from tests.e2e.test_demo import made_here, missing, pileus

pytestmark = [pytest.mark.root, pytest.mark.qemu, pytest.mark.realtime, pytest.mark.skipif(bool(missing()), reason=missing())]
CONFIG = """
host = "here"
[compute]
hosts = 2
report_interval_s = 2
"""
OTHER = {"here-0001": "here-0002", "here-0002": "here-0001"}


class Lab:
    """A cloud with two hosts, a user of it, and how to reach its guests."""

    def __init__(self, cloud: CloudProcess):
        self.state = cloud.state
        self.admin, self.user = demo.connect(cloud.state, "pileus-admin"), demo.connect(cloud.state, "pileus")
        self.image = demo.upload(self.admin, demo.build_image(cloud.state))
        self.key = demo.prepare_access(self.user, cloud.state)
        self.cloud = cloud

    def boot(self, name: str) -> None:
        self.server = demo.boot_server(self.user, self.image, name)
        self.address = demo.give_address(self.user, self.server)

    def ask(self, command: str) -> str:
        """What the guest answers, wherever it is."""
        return demo.wait_for_ssh(self.address, self.key, self.user, self.server, command)

    def until_says(self, command: str, text: str) -> None:
        end = time.monotonic() + 60
        while text not in (said := " ".join(self.ask(f"{command} || true").split())):
            assert time.monotonic() < end, said
            time.sleep(0.5)

    def now(self):
        return self.admin.compute.get_server(self.server.id)

    def until(self, status: str):
        return self.admin.compute.wait_for_server(self.server, status=status, interval=0.1, wait=120)

    def until_on(self, host: str, status: str = "ACTIVE") -> None:
        """It is there, and nothing is done to it any more."""
        end = time.monotonic() + 180
        while (found := self.now()) and (found.compute_host, found.status, found.task_state) != (host, status, None):
            assert time.monotonic() < end, (found.compute_host, found.status, found.task_state, found.fault)
            time.sleep(0.1)

    def kill(self) -> None:
        """The cloud is killed and started again; what was begun is finished or undone then."""
        self.cloud.kill()
        self.cloud.start()
        end = time.monotonic() + 120
        while self.cloud.client("pileus-admin").get("/status")["operations"]:
            assert time.monotonic() < end
            time.sleep(0.1)

    def only_on(self, host: str) -> None:
        """Sooner or later the other host has neither a process nor a file of it; it is looked at as often as hosts report."""
        other, end = OTHER[host], time.monotonic() + 20
        while self.processes() != {host: 1, other: 0} or (self.state / "hosts" / other / "guests" / self.server.id).exists():
            assert time.monotonic() < end, self.processes()
            time.sleep(0.1)

    def processes(self) -> dict[str, int]:
        """Host → how many QEMU processes run for it."""
        found = subprocess.run(["pgrep", "-af", "^/usr/bin/qemu-system"], capture_output=True, text=True).stdout
        return {host: found.count(f"{self.state}/hosts/{host}/guests/{self.server.id}/qemu.pid") for host in OTHER}


@pytest.fixture(scope="module")
def lab():
    folder = Path(tempfile.mkdtemp(prefix="pileus-test-moves-"))
    folder.chmod(0o711)                                # where strangers may pass, guests' processes are users of their own
    cloud = CloudProcess(folder / "cloud")
    (cloud.state / "pileus.toml").write_text(CONFIG)
    try:
        cloud.start()
        yield Lab(cloud)
    finally:
        print(cloud.written().decode()[-4000:])
        if cloud.process.poll() is None:
            cloud.end()
        (cloud.state / "running.json").unlink()        # a reset finds hosts of an earlier configuration, too
        (cloud.state / "pileus.toml").write_text('host = "here"\n')
        gone = pileus("reset", "--yes", "--state", str(cloud.state))
        shutil.rmtree(folder, ignore_errors=True)
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert made_here(tag(cloud.state)) == []


def test_a_guest_moves_while_it_runs(lab):
    lab.boot("live")
    boot, first = lab.ask("cat /proc/sys/kernel/random/boot_id; echo kept > marker; sync"), lab.now().compute_host
    count = subprocess.Popen([*demo.ssh_command(lab.address, lab.key), "for i in $(seq 150); do echo $i; sleep 0.1; done"],
                             stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    assert count.stdout.readline() == "1\n"
    lab.admin.compute.live_migrate_server(lab.server, host=None, block_migration="auto")
    lab.until_on(OTHER[first])
    assert count.poll() is None, "it was quicker than the count"
    assert count.communicate(timeout=60)[0].split() == [str(n) for n in range(2, 151)], "a connection outlives the move"
    assert lab.ask("cat /proc/sys/kernel/random/boot_id") == boot and lab.ask("cat marker") == "kept"
    lab.only_on(OTHER[first])

    for wait_s in (0.1, 0.8):                      # killed at any moment of it, the cloud has it on one host and going on
        lab.until_on(lab.now().compute_host)
        lab.admin.compute.live_migrate_server(lab.server, host=None, block_migration="auto")
        time.sleep(wait_s)
        lab.kill()
        here = lab.now().compute_host
        lab.until_on(here)
        lab.only_on(here)
        assert lab.ask("cat /proc/sys/kernel/random/boot_id") == boot
    lab.user.compute.reboot_server(lab.server, "HARD")
    assert lab.ask("cat marker; cat /proc/sys/kernel/random/boot_id").split()[0] == "kept"


def test_a_guest_is_reached_as_before_while_interfaces_come_and_go(lab):
    """The new one is on the same network, whose router it is told of, too."""
    lab.boot("plugged")
    lab.ask("true")
    network = lab.user.network.find_network("private")
    second = lab.user.compute.create_server_interface(lab.server, net_id=network.id)
    address = second.fixed_ips[0]["ip_address"]
    lab.until_says("ip -o -4 addr show dev eth1", address)
    assert second.mac_addr in lab.ask("cat /sys/class/net/eth1/address")
    assert lab.ask("ip route show default").startswith("default via")
    lab.user.compute.delete_server_interface(second, server=lab.server)
    lab.until_says("ls /sys/class/net", "eth0 lo")
    assert "udhcpc -i eth1" not in lab.ask("ps") and lab.ask("ip route show default")


def test_a_guest_is_moved_with_its_disk_and_built_anew_elsewhere(lab):
    lab.boot("moved")
    first = lab.now().compute_host
    second = OTHER[first]
    lab.ask("echo kept > marker; sync")

    lab.admin.compute.migrate_server(lab.server, host=second)
    time.sleep(1.5)                                    # it is being shut down, or on its way
    lab.kill()
    if lab.now().status == "VERIFY_RESIZE":
        lab.user.compute.revert_server_resize(lab.server)
    lab.until_on(first)
    lab.only_on(first)
    assert lab.ask("cat marker") == "kept"

    lab.admin.compute.migrate_server(lab.server, host=second)
    lab.until("VERIFY_RESIZE")
    assert lab.now().compute_host == second and lab.ask("cat marker") == "kept"
    lab.user.compute.confirm_server_resize(lab.server)
    lab.until_on(second)
    lab.only_on(second)

    lab.user.compute.shelve_server(lab.server)
    lab.until("SHELVED_OFFLOADED")
    lab.admin.compute.unshelve_server(lab.server, host=first)
    lab.until_on(first)
    assert lab.ask("cat marker") == "kept"
    lab.only_on(first)

    service = next(s for s in lab.admin.compute.services(host=first, binary="nova-compute"))
    lab.admin.compute.update_service_forced_down(service, forced=True)
    lab.admin.compute.evacuate_server(lab.server, host=second)
    lab.until_on(second, "SHUTOFF")                    # what is evacuated is off (2.95)
    lab.user.compute.start_server(lab.server)
    lab.until_says("cat marker 2>/dev/null || echo new", "new")     # its old self answers until the neighbours know better
    lab.admin.compute.update_service_forced_down(service, forced=False)
    lab.only_on(second)
