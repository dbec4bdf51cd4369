"""`pileus demo`: from nothing to a shell in a guest, and in a second one that was made of the first; it says what it does.

Repeatable: a second run finds most of it done.

It works the cloud through openstacksdk, as any tool would, and prints the `openstack` command that does the same.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from pileus.cli.options import STATE, State
from pileus.core.clock import Clock, wait_until

clock = Clock()
console = Console(highlight=False, soft_wrap=True)
NAME, IMAGE, FLAVOR, NETWORK, EXTERNAL = "demo", "pileus-guest", "m1.nano", "private", "public"
SNAPSHOT, COPY = f"{NAME}-snapshot", f"{NAME}-copy"
#: What is written in the first guest, to be found in the second.
NOTE, WORDS = "/home/cloud/note", "written in demo"
#: The flavor that the second one grows to.
LARGER = "m1.tiny"
ASK_MEMORY = "echo $(hostname): $(awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo) MiB of memory"
ASK_WHO = "echo $(hostname): $(uname -sr), up $(cut -d. -f1 /proc/uptime) s"
USER = "cloud"
#: How long a guest may take to answer ssh: emulated ones boot in about ten seconds on a quiet machine.
SSH_WAIT_S = 240.0


class DemoFailed(Exception):
    """A step did not work; the text says what to look at."""


@contextmanager
def step(text: str, command: str = "") -> Iterator[None]:
    """Say what is done, how long it took, and how one would do it by hand."""
    began = clock.monotonic()
    with console.status(text):
        yield
    console.print(f"[green]✓[/] {text} [dim]{clock.monotonic() - began:6.1f} s[/]")
    if command:
        console.print(f"    [dim]$ {command}[/]")


def demo(*, state: State = STATE, listen: str | None = None) -> int:
    """Start a cloud on this machine, boot a real server in it and reach it by ssh; the cloud is left running.

    Parameters
    ----------
    listen
        HOST:PORT of all services (default: 127.0.0.1:8787).
    """
    began = clock.monotonic()
    try:
        show = run(state, listen)
    except DemoFailed as failure:
        console.print(f"[red]✗[/] {failure}")
        return 1
    console.print(f"\n[bold green]Done in {clock.monotonic() - began:.0f} s.[/] {show}")
    return 0


def run(state: Path, listen: str | None) -> str:
    with step("looking at this machine", "pileus doctor"):
        look(state)
    with step("guest image from Debian packages", f"pileus image build --state {state}"):
        guest = build_image(state)
    with step("the cloud", f"pileus up -d --state {state}"):
        start_cloud(state, listen)
    with step("clients configured", f"export OS_CLIENT_CONFIG_FILE={state}/clouds.yaml"):
        admin, user = connect(state, "pileus-admin"), connect(state, "pileus")
    with step(f"image {IMAGE} uploaded", f"openstack --os-cloud pileus-admin image create --public --file … {IMAGE}"):
        image = upload(admin, guest)
    with step("key pair and security group", "openstack keypair create …; openstack security group rule create --dst-port 22 default"):
        key = prepare_access(user, state)
    boot = f"openstack server create --image {IMAGE} --flavor {FLAVOR} --key-name {NAME} --network {NETWORK} --wait {NAME}"
    with step(f"server {NAME} is ACTIVE", boot):
        server = boot_server(user, image)
    with step("floating IP", f"openstack floating ip create {EXTERNAL}; openstack server add floating ip {NAME} …"):
        address = give_address(user, server)
    with step(f"ssh through {address}"):
        said = wait_for_ssh(address, key, user, server, ASK_WHO)
    with step(f"snapshot {SNAPSHOT} of the running guest", f"openstack server image create --name {SNAPSHOT} --wait {NAME}"):
        snapshot = take_snapshot(user, server, address, key)
    again = f"openstack server create --image {SNAPSHOT} --flavor {FLAVOR} --key-name {NAME} --network {NETWORK} --wait {COPY}"
    with step(f"server {COPY} boots from it", again):
        copy = boot_server(user, snapshot, COPY)
        found = wait_for_ssh(give_address(user, copy), key, user, copy, f"echo $(hostname): $(cat {NOTE})")
    tail = user.compute.get_server_console_output(server.id, length=12)["output"]
    grow = f"openstack server resize --flavor {LARGER} --wait {COPY}; openstack server resize confirm {COPY}"
    with step(f"server {COPY} is resized to {LARGER}", grow):
        resize(user, copy)
        memory = wait_for_ssh(give_address(user, copy), key, user, copy, ASK_MEMORY)
    console.print("\n[bold]Console log, last lines[/]")
    console.print("\n".join("    " + line for line in tail.splitlines()), markup=False)
    console.print(f"\n[bold]The guests say[/]\n    {said}\n    {found}\n    {memory}")
    console.print(what_next(state, address, key))
    return f"The cloud is running; `pileus down --state {state}` stops it, `pileus reset --state {state}` removes it."


def look(state: Path) -> None:
    import asyncio

    from pileus.cli.doctor import examine

    missing = [f for f in asyncio.run(examine(state)) if f.ok is False]
    if missing:
        raise DemoFailed("this machine cannot run real guests yet:\n" + "\n".join(f"    {f.what}: {f.text}" for f in missing))


def build_image(state: Path) -> Any:
    from pileus.image.guest import build_guest_image

    folder = state / "guest-image"
    folder.mkdir(parents=True, exist_ok=True)
    return build_guest_image(folder, progress=lambda text: None)


def start_cloud(state: Path, listen: str | None) -> None:
    from pileus.cli.up import in_background

    if in_background(state, listen=listen) != 0:
        raise DemoFailed(f"the cloud did not start; see {state}/pileus.log")


def connect(state: Path, cloud: str) -> Any:
    try:
        from openstack.config import OpenStackConfig
        from openstack.connection import Connection
    except ImportError as absent:
        raise DemoFailed("the client is not installed: pip install pileus[client]") from absent
    region = OpenStackConfig(config_files=[str(state / "clouds.yaml")], load_envvars=False).get_one(cloud)
    return Connection(config=region)


def upload(admin: Any, guest: Any) -> Any:
    """The root file system as an image that boots with a kernel and a ramdisk of its own: the quickest way to boot."""
    found = admin.image.find_image(IMAGE)
    if found is not None and found.status == "active":
        return found
    how: dict[str, Any] = {"visibility": "public", "wait": True, "validate_checksum": False}
    kernel, ramdisk = (
        admin.image.create_image(name=f"{IMAGE}-{part}", disk_format=kind, container_format=kind, filename=str(path), **how)
        for part, kind, path in (("kernel", "aki", guest.kernel), ("ramdisk", "ari", guest.ramdisk))
    )
    return admin.image.create_image(name=IMAGE, disk_format="raw", container_format="bare", filename=str(guest.rootfs), **how,
                                    kernel_id=kernel.id, ramdisk_id=ramdisk.id, os_command_line=guest.kernel_args)


def prepare_access(user: Any, state: Path) -> Path:
    key = state / f"{NAME}-key"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", NAME, "-f", str(key)], check=True)
    if user.compute.find_keypair(NAME) is None:
        user.compute.create_keypair(name=NAME, public_key=Path(f"{key}.pub").read_text().strip())
    group = user.network.find_security_group("default", project_id=user.current_project_id)
    wanted: list[dict[str, Any]] = [{"protocol": "icmp"}, {"protocol": "tcp", "port_range_min": 22, "port_range_max": 22}]
    known = [(r.protocol, r.port_range_min) for r in user.network.security_group_rules(security_group_id=group.id, direction="ingress")]
    for rule in wanted:
        if (rule["protocol"], rule.get("port_range_min")) not in known:
            user.network.create_security_group_rule(security_group_id=group.id, direction="ingress", ethertype="IPv4", **rule)
    return key


def boot_server(user: Any, image: Any, name: str = NAME) -> Any:
    server = user.compute.find_server(name)
    if server is None:
        flavor, network = user.compute.find_flavor(FLAVOR), user.network.find_network(NETWORK)
        server = user.compute.create_server(name=name, image_id=image.id, flavor_id=flavor.id, key_name=NAME,
                                            networks=[{"uuid": network.id}])
    else:
        server = user.compute.get_server(server.id)
        if server.status == "SHUTOFF":
            user.compute.start_server(server)
    return user.compute.wait_for_server(server, interval=0.2, wait=180)


def give_address(user: Any, server: Any) -> str:
    port = next(iter(user.network.ports(device_id=server.id)))
    for known in user.network.ips(port_id=port.id):
        return known.floating_ip_address
    external = user.network.find_network(EXTERNAL)
    return user.network.create_ip(floating_network_id=external.id, port_id=port.id).floating_ip_address


def take_snapshot(user: Any, server: Any, address: str, key: Path) -> Any:
    """An image of the server's disk while it runs. What is on the disk is in it, so the note is written through to it."""
    found = user.image.find_image(SNAPSHOT)
    if found is not None and found.status == "active":
        return found
    wait_for_ssh(address, key, user, server, f"echo {WORDS} > {NOTE}; sync")
    image = user.compute.create_server_image(server, SNAPSHOT)
    return user.image.wait_for_status(image, "active", interval=0.2, wait=300)


def resize(user: Any, server: Any) -> None:
    """Give the server a larger flavor and keep it. Nothing to do for one that has it already."""
    server = user.compute.get_server(server.id)
    if server.flavor.name != LARGER and server.status != "VERIFY_RESIZE":
        user.compute.resize_server(server, user.compute.find_flavor(LARGER).id)
        server = user.compute.wait_for_server(server, status="VERIFY_RESIZE", interval=0.2, wait=180)
    if server.status == "VERIFY_RESIZE":
        user.compute.confirm_server_resize(server)
        user.compute.wait_for_server(server, interval=0.2, wait=60)


def ssh_command(address: str, key: Path) -> list[str]:
    return ["ssh", "-i", str(key), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o",
            "ConnectTimeout=4", "-o", "BatchMode=yes", f"{USER}@{address}"]


def wait_for_ssh(address: str, key: Path, user: Any, server: Any, command: str) -> str:
    """What the guest answers to a command; tried until it does. Raises DemoFailed with the console's tail."""
    problem, answer = "", ""

    def answered() -> bool:
        nonlocal problem, answer
        try:
            done = subprocess.run([*ssh_command(address, key), command],
                                  capture_output=True, text=True, timeout=12, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return False
        problem, answer = done.stderr.strip(), done.stdout.strip()
        return done.returncode == 0

    if wait_until(answered, limit_s=SSH_WAIT_S, every_s=0.3):
        return answer
    tail = user.compute.get_server_console_output(server.id, length=30)["output"]
    raise DemoFailed(f"no ssh on {address} within {SSH_WAIT_S:.0f} s: {problem}\n{tail}")


def what_next(state: Path, address: str, key: Path) -> str:
    program = Path(sys.executable).parent / "openstack"
    openstack = str(program) if program.exists() else "openstack"
    return f"""
[bold]Log in[/]
    ssh -i {key} {USER}@{address}
[bold]Try next[/]
    export OS_CLIENT_CONFIG_FILE={state}/clouds.yaml OS_CLOUD=pileus
    {openstack} server list
    {openstack} console log show {NAME}
    {openstack} server stop {NAME}"""
