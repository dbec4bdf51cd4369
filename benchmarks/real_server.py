"""A real server: from POST /servers to ACTIVE and to a login by ssh, beside the same QEMU command line started by hand.

`python -m benchmarks.real_server [--os-cloud pileus] [--times 5]`, on the host of a running cloud that has the demo's
image (`make demo` leaves one). By hand means: the arguments of the guest's own QEMU process, on a fresh layer of the
same disk, with QEMU's user networking in the place of the tap device, since nobody else made one.
"""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import asyncio
import base64
import json
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conformance.cloud import free_port

from pileus.bench.session import Session, User, log_in, read_cloud
from pileus.core.ids import Ids

GUEST_USER = "cloud"
GIVE_UP_S = 240.0
LOOK_S = 0.02


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.real_server", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--os-cloud", default="pileus")
    parser.add_argument("--clouds", type=Path)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--image", default="pileus-guest")
    parser.add_argument("--flavor", default="m1.nano")
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pileus-real-") as folder:
        runs = asyncio.run(measure(options, Path(folder)))
    found = json.dumps({
        key: {"median_s": round(statistics.median(values), 2), "least_s": round(min(values), 2), "most_s": round(max(values), 2)}
        for key in runs[0] for values in [[run[key] for run in runs]]
    } | {"times_by_hand": round(statistics.median(run["ssh"] / run["by_hand_ssh"] for run in runs), 2)}, indent=2)
    print(found)
    if options.save:
        options.save.parent.mkdir(exist_ok=True)
        options.save.write_text(found + "\n")


async def measure(options: argparse.Namespace, folder: Path) -> list[dict[str, float]]:
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    user = User()
    try:
        session = await log_in(user, read_cloud(options.os_cloud, options.clouds))
        async with Access(session, user, key) as access:
            return [await once(session, user, access, options, key, folder) for _ in range(options.times)]
    finally:
        user.close()


class Access:
    """A key pair, and a security group that lets ssh in; gone at the end."""

    def __init__(self, session: Session, user: User, key: Path):
        self.session, self.user, self.key = session, user, key
        self.name = f"bench-{Ids().hex()[:8]}"

    async def __aenter__(self) -> Access:
        public = self.key.with_suffix(".pub").read_text().strip()
        await self.post("compute", "/os-keypairs", {"keypair": {"name": self.name, "public_key": public}}, 200)
        self.group = (await self.post("network", "/security-groups", {"security_group": {"name": self.name}}, 201))["security_group"]["id"]
        rule = {"security_group_id": self.group, "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp",
                "port_range_min": 22, "port_range_max": 22}
        await self.post("network", "/security-group-rules", {"security_group_rule": rule}, 201)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.user.send(self.session.request("DELETE", "network", f"/security-groups/{self.group}", expect=204))
        await self.user.send(self.session.request("DELETE", "compute", f"/os-keypairs/{self.name}", expect=202))

    async def post(self, service: str, path: str, body: Any, expect: int) -> Any:
        return await self.user.json(self.session.request("POST", service, path, body, expect=expect))


async def once(
    session: Session, user: User, access: Access, options: argparse.Namespace, key: Path, folder: Path
) -> dict[str, float]:
    """One server through the API, then its twin by hand; both are gone at the end."""
    async def get(service: str, path: str) -> Any:
        return await user.json(session.request("GET", service, path))

    image = next(one for one in (await get("image", f"/images?name={options.image}"))["images"])["id"]
    flavor = next(one for one in (await get("compute", "/flavors"))["flavors"] if one["name"] == options.flavor)["id"]
    networks = (await get("network", "/networks"))["networks"]
    own = next(one for one in networks if one["subnets"] and not one["router:external"])["id"]
    external = next(one for one in networks if one["router:external"])["id"]
    address = (await access.post("network", "/floatingips", {"floatingip": {"floating_network_id": external}}, 201))["floatingip"]
    server = ""
    try:
        started = time.monotonic()
        server = (await access.post("compute", "/servers", {"server": {
            "name": access.name, "imageRef": image, "flavorRef": flavor, "networks": [{"uuid": own}], "key_name": access.name,
            "security_groups": [{"name": access.name}], "config_drive": True,
        }}, 202))["server"]["id"]
        while (found := (await get("compute", f"/servers/{server}"))["server"])["status"] != "ACTIVE":
            if found["status"] == "ERROR" or time.monotonic() - started > GIVE_UP_S:
                raise SystemExit(f"the server is {found['status']}: {found.get('fault')}")
            await asyncio.sleep(LOOK_S)
        active = time.monotonic() - started
        port = (await get("network", f"/ports?device_id={server}"))["ports"][0]["id"]
        await user.send(session.request("PUT", "network", f"/floatingips/{address['id']}", {"floatingip": {"port_id": port}}))
        log_in_by_ssh(key, address["floating_ip_address"], 22, started)
        ssh = time.monotonic() - started
        arguments, disks = twin(server, folder)
    finally:
        if server:
            await user.send(session.request("DELETE", "compute", f"/servers/{server}", expect=204))
        await user.send(session.request("DELETE", "network", f"/floatingips/{address['id']}", expect=204))
    return {"active": active, "ssh": ssh, "by_hand_ssh": by_hand(arguments, disks, key, folder)}


def twin(server: str, folder: Path) -> tuple[list[str], Callable[[], None]]:
    """The arguments of the server's QEMU, made to stand alone, and what makes its disk; the config drive is copied now."""
    arguments = next(
        words for path in Path("/proc").glob("[0-9]*/cmdline")
        if (words := read(path).split("\0")[:-1]) and "-uuid" in words and words[words.index("-uuid") + 1] == server
    )
    text = "\0".join(arguments)
    disk = next(name for name in re.findall(r'"filename": ?"([^"]+\.qcow2)"', text) if server in name)
    size = json.loads(subprocess.check_output(["qemu-img", "info", "-U", "--output=json", disk]))["virtual-size"]
    for drive in re.findall(r'"filename": ?"([^"]+\.iso)"', text):
        shutil.copyfile(drive, folder / "config.iso")
        text = text.replace(drive, str(folder / "config.iso"))
    fresh = folder / "disk.qcow2"
    text = text.replace(disk, str(fresh))
    return alone(text.split("\0"), folder), lambda: subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", str(fresh), str(size)], check=True
    )


def alone(arguments: list[str], folder: Path) -> list[str]:
    """The same machine without the sockets, the files and the tap device of the agent that started it."""
    kept = [arguments[0]]
    for name, value in zip(arguments[1:], [*arguments[2:], ""], strict=True):
        if not name.startswith("-"):
            continue
        words = [name] if value.startswith("-") or not value else [name, value]
        if name in ("-pidfile", "-mon", "-sandbox") or (name == "-chardev" and "id=qmp" in value):
            continue
        if name == "-chardev":
            words = [name, f"file,id=serial,path={folder / 'console.log'}"]
        if name == "-netdev":
            device = re.search(r"id=([^,]+)", value)
            words = [name, f"user,id={device[1] if device else 'net0'},hostfwd=tcp:127.0.0.1:PORT-:22"]
        kept += words
    return kept


def by_hand(arguments: list[str], make_disk: Callable[[], None], key: Path, folder: Path) -> float:
    """Seconds from making the disk to a login."""
    port = free_port()
    started = time.monotonic()
    make_disk()
    process = subprocess.Popen([word.replace("PORT", str(port)) for word in arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        log_in_by_ssh(key, "127.0.0.1", port, started)
        return time.monotonic() - started
    finally:
        process.kill()
        process.wait()
        (folder / "disk.qcow2").unlink()


def log_in_by_ssh(key: Path, host: str, port: int, started: float) -> None:
    """Try until the guest lets us in and carries out a command."""
    word = base64.b32encode(Ids().secret(5)).decode()
    command = [
        "ssh", "-i", str(key), "-p", str(port), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
        "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=1", "-o", "BatchMode=yes", f"{GUEST_USER}@{host}", f"echo {word}",
    ]
    while time.monotonic() - started < GIVE_UP_S:
        try:
            done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=10)
        except subprocess.TimeoutExpired:
            continue
        if word in done.stdout:
            return
        time.sleep(LOOK_S)
    raise SystemExit(f"no login at {host}:{port} within {GIVE_UP_S:.0f} s")


def read(path: Path) -> str:
    """A file of /proc, empty when its process is gone."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


if __name__ == "__main__":
    main()
