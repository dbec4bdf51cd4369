"""The QEMU driver with real QEMU processes: the contract, and what only QEMU can get wrong."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from msgspec.structs import replace

from pileus.compute.hypervisor import driver
from pileus.compute.hypervisor.base import GuestSpec, RootDisk
from pileus.compute.hypervisor.qemu import Qemu, process
from tests.compute.hypervisor.contract import CHECKS, Host

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="needs QEMU"),
]

#: xor ax,ax; mov ds,ax; mov si,text; mov dx,0x3f8; next: lodsb; test al,al; jz end; out dx,al; jmp next; end: sti; hlt; jmp -3
CODE = bytes.fromhex("31c0 8ed8 be167c baf803 ac 84c0 7403 ee ebf8 fb f4 ebfd")
BOOT_SECTOR = (CODE + b"tiny guest\r\nlogin: \0").ljust(510, b"\0") + b"\x55\xaa"


@pytest.fixture(scope="session")
def home():
    """Where all guests of this test run live, so that the probe runs once; nothing may be left in the end."""
    path = Path(tempfile.mkdtemp(prefix="pileus-test-qemu-"))
    (path / "image.raw").write_bytes(BOOT_SECTOR.ljust(1 << 20, b"\0"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def state(home):
    """The driver's state folder, empty but for what the probe found. Ends whatever a failed test has left running."""
    state = home / "state"
    yield state
    for pid in process.running(state / "guests").values():
        os.kill(pid, signal.SIGKILL)
    for name in ("guests", "trash"):
        shutil.rmtree(state / name, ignore_errors=True)


def make_spec(home: Path, n: int, **fields) -> GuestSpec:
    root = RootDisk(base=str(home / "image.raw"), format="raw")
    return GuestSpec(id=f"00000000-0000-4000-8000-{n:012}", name=f"instance-{n:08x}", vcpus=1, memory_mb=16, root=root, **fields)


def leftovers(state: Path) -> list[str]:
    files = [str(file.relative_to(state)) for top in ("guests", "trash") for file in sorted((state / top).rglob("*"))]
    return files + [f"process of {guest_id}" for guest_id in process.running(state / "guests")]


@pytest.fixture
def host(home, state) -> Host:
    return Host(
        driver=lambda: Qemu(state, "here"),
        spec=lambda n: make_spec(home, n),
        broken=lambda _: replace(make_spec(home, 7), root=RootDisk(base="/nowhere", format="raw")),
        mend=lambda _: None,
        leftovers=lambda: leftovers(state),
        console_says=b"login:",
        patience_s=60,
    )


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(check, host):
    asyncio.run(check(host))


def test_it_is_found_by_name():
    assert driver("qemu") is Qemu
