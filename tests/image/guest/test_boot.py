"""The guest image in a real machine: it becomes the server it is told to be, is reached over ssh, and hears the hypervisor."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from pileus.compute.hypervisor.base import GuestSpec, Nic, Power, RootDisk
from pileus.compute.hypervisor.qemu import Qemu, process
from pileus.image.guest import GuestImage

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.realtime,
    pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="needs QEMU"),
]

BOOT_S = 180
USER_DATA = b"""#!/bin/sh
echo "I am $(id -un) on $(hostname) with $(cat /home/cloud/.ssh/authorized_keys | wc -l) keys"
su cloud -s /bin/sh -c 'sudo sh -c "echo sudo gives \\$(id -un), \\"\\$1\\"" x "two  words"'
su cloud -s /bin/sh -c 'id -un'
"""


def metadata(key: str = "ssh-ed25519 AAAAkey someone@somewhere") -> dict:
    return {
        "uuid": "5e1f0000-0000-4000-8000-000000000001",
        "hostname": "web-1.novalocal",
        "public_keys": {"mine": key + "\n"},
        "keys": [{"name": "mine", "type": "ssh", "data": key + "\n"}],
    }


def make_spec(image: GuestImage, *, direct: bool, **fields) -> GuestSpec:
    if direct:
        root = RootDisk(
            base=image.rootfs, format="raw", size_gib=1, kernel=image.kernel, ramdisk=image.ramdisk, kernel_args=image.kernel_args
        )
    else:
        root = RootDisk(base=image.disk, format="qcow2", size_gib=1)
    return GuestSpec(id=metadata()["uuid"], name="instance-1", vcpus=1, memory_mb=image.min_ram_mb + 32, root=root, **fields)


@pytest.fixture
def state():
    path = Path(tempfile.mkdtemp(prefix="pileus-test-boot-"))
    yield path
    for pid in process.running(path / "guests").values():
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(path)


@contextlib.asynccontextmanager
async def started(state: Path):
    qemu = Qemu(state, "here")
    await qemu.start()
    try:
        yield qemu
    finally:
        for guest in await qemu.guests():
            await qemu.destroy(guest.id)
        await qemu.stop()


async def console(qemu: Qemu, spec: GuestSpec, text: str, times: int = 1) -> str:
    """The console's text, once it has this often what is waited for."""
    said = ""
    try:
        async with asyncio.timeout(BOOT_S):
            while said.count(text) < times:
                said = (await qemu.console_log(spec.id)).decode(errors="replace").replace("\r", "")
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"no {text!r} on the console:\n{said[-3000:]}")
    return said


@pytest.mark.parametrize("direct", [True, False], ids=["kernel", "disk"])
async def test_it_becomes_what_the_config_drive_says(image, state, direct):
    drive = {"openstack/latest/meta_data.json": json.dumps(metadata()).encode(), "openstack/latest/user_data": USER_DATA}
    spec = make_spec(image, direct=direct, config_drive=drive)
    async with started(state) as qemu:
        await qemu.spawn(spec)
        said = await console(qemu, spec, "cloud: ready")
        assert "hostname web-1, 1 keys, from the config drive" in said
        assert "I am root on web-1 with 1 keys" in said
        assert "sudo gives root, two  words" in said and "\ncloud\n" in said
        assert (await qemu.reboot(spec.id, hard=False, timeout_s=60)).power is Power.RUNNING
        again = await console(qemu, spec, "cloud: ready", times=2)
        assert again.count("I am root") == 1, "user data runs once"
        assert "reboot: Power down" in again, "the guest ended by its own means"
        assert (await qemu.power(spec.id, Power.SHUTDOWN, timeout_s=60)).power is Power.SHUTDOWN
        assert (await qemu.console_log(spec.id)).decode().count("reboot: Power down") == 2


@dataclass
class Wire:
    """A network in a namespace: a bridge with DHCP and metadata, and tap devices on it."""

    name: str
    asked: list[str]

    def nic(self, n: int) -> Nic:
        return Nic(port_id=f"port-{n}", mac=f"fa:16:3e:00:00:{n:02x}", device=f"tap{n}", mtu=1450)


@pytest.fixture
def wire(tmp_path):
    """This thread, and what it starts, is in the namespace."""
    if os.geteuid() != 0 or shutil.which("dnsmasq") is None or shutil.which("ssh") is None:
        pytest.skip("needs root, dnsmasq and ssh")
    from pyroute2 import netns

    wire = Wire(f"pileus-test-boot-{os.getpid()}", [])
    netns.create(wire.name)
    netns.pushns(wire.name)
    dnsmasq = None
    try:
        for command in (
            "link set lo up", "link add br0 type bridge", "addr add 10.9.0.1/24 dev br0", "addr add 169.254.169.254/32 dev br0",
            "link set br0 up", "tuntap add dev tap1 mode tap", "link set tap1 master br0 up",
            "tuntap add dev tap2 mode tap", "link set tap2 master br0 up",
        ):  # fmt: skip
            subprocess.run(["ip", *command.split()], check=True)
        hosts = [f"--dhcp-host={wire.nic(n).mac},10.9.0.1{n}" for n in (1, 2)]
        dnsmasq = subprocess.Popen(
            ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--interface=br0", "--bind-interfaces", "--port=0",
             "--dhcp-range=10.9.0.0,static,255.255.255.0,1h", "--dhcp-option=option:mtu,1450", "--no-ping",
             f"--dhcp-leasefile={tmp_path}/leases", "--pid-file", *hosts],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        yield wire
    finally:
        if dnsmasq:
            dnsmasq.kill()
            dnsmasq.wait()
        netns.popns()
        netns.remove(wire.name)


@contextlib.asynccontextmanager
async def metadata_service(wire: Wire, meta: dict):
    async def answer(reader, writer):
        path = (await reader.readline()).decode().split()[1]
        while (await reader.readline()).strip():
            pass
        wire.asked.append(path)
        found = path == "/openstack/latest/meta_data.json"
        body = json.dumps(meta).encode() if found else b"no"
        writer.write(b"HTTP/1.0 %s\r\nContent-Length: %d\r\n\r\n" % (b"200 OK" if found else b"404 Not Found", len(body)) + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "169.254.169.254", 80):
        yield


async def ssh(key: Path, address: str, command: str, user: str = "cloud", *options: str) -> tuple[int, str]:
    client = await asyncio.create_subprocess_exec(
        "ssh", "-F", "none", "-i", key, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
        "-o", "ConnectTimeout=20", *options, f"{user}@{address}", command,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await client.communicate()
    return client.returncode, said.decode(errors="replace")


@pytest.mark.root
async def test_it_is_reached_over_ssh_and_hears_the_hypervisor(image, state, wire, tmp_path):
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    meta = metadata((tmp_path / "key.pub").read_text().strip())
    spec = make_spec(image, direct=True, nics=(wire.nic(1),))
    async with metadata_service(wire, meta), started(state) as qemu:
        await qemu.spawn(spec)
        said = await console(qemu, spec, "cloud: ready")
        assert "from the metadata service" in said and "eth0 10.9.0.11/24" in said

        code, told = await ssh(key, "10.9.0.11", "hostname; sudo id -u; cat /sys/class/net/eth0/mtu")
        assert (code, told.split()[-3:]) == (0, ["web-1", "0", "1450"]), told
        assert (await ssh(key, "10.9.0.11", "id -un", "root"))[1].endswith("root\n")
        other = tmp_path / "other"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
        code, told = await ssh(other, "10.9.0.11", "id")
        assert code == 255 and "Permission denied (publickey)" in told, "a key alone opens, and only the right one"

        _, size = await ssh(key, "10.9.0.11", "df -m / | tail -n 1 | awk '{print $2}'")
        assert int(size.split()[-1]) > 800, "the root file system has grown to the flavor's disk"

        await qemu.plug(spec.id, wire.nic(2))
        for _ in range(100):
            code, told = await ssh(key, "10.9.0.11", "ip -o -4 addr show eth1")
            if "10.9.0.12/24" in told:
                break
            await asyncio.sleep(0.2)
        assert "10.9.0.12/24" in told
        await qemu.unplug(spec.id, wire.nic(2).port_id)
        assert qemu._guests[spec.id].machine.leaving == set(), "the guest let go of the device"
        assert (await ssh(key, "10.9.0.11", "ls /sys/class/net"))[1].split()[-2:] == ["eth0", "lo"]

        _, before = await ssh(key, "10.9.0.11", "echo kept >/tmp/in-memory; cat /proc/sys/kernel/random/boot_id")
        assert (await qemu.power(spec.id, Power.SUSPENDED)).pid is None
        assert (await qemu.power(spec.id, Power.RUNNING)).power is Power.RUNNING
        _, after = await ssh(key, "10.9.0.11", "cat /tmp/in-memory /proc/sys/kernel/random/boot_id")
        assert after.split()[-2:] == ["kept", before.split()[-1]], "it woke up where it was, and did not boot"

        await qemu.power(spec.id, Power.PAUSED)
        assert (await ssh(key, "10.9.0.11", "true", "cloud", "-o", "ConnectTimeout=2"))[0] == 255
        await qemu.power(spec.id, Power.RUNNING)
        assert (await ssh(key, "10.9.0.11", "true"))[0] == 0


@pytest.mark.parametrize("fields", [{"bus": "scsi"}, {"bus": "virtio", "machine": "q35"}], ids=str)
async def test_it_boots_on_other_machines(image, state, fields):
    drive = {"openstack/latest/meta_data.json": json.dumps(metadata()).encode()}
    spec = make_spec(image, direct=False, config_drive=drive, properties={"hw_machine_type": fields.get("machine", "pc")})
    spec = replace(spec, root=replace(spec.root, bus=fields["bus"]))
    async with started(state) as qemu:
        await qemu.spawn(spec)
        await console(qemu, spec, "cloud: ready")
