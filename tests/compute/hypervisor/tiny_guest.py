"""Guests that boot in a tenth of a second: boot sectors that print to the serial port, and what the tests need around them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

from pileus.compute.hypervisor.base import GuestSpec, RootDisk
from pileus.compute.hypervisor.qemu import process

#: xor ax,ax; mov ds,ax; mov si,text; mov dx,0x3f8; next: lodsb; test al,al; jz on; out dx,al; jmp next; on:
PRINT = bytes.fromhex("31c0 8ed8 be467c baf803 ac 84c0 7403 ee ebf8")

#: halt: sti; hlt; jmp halt
DEAF = bytes.fromhex("fb f4 ebfc")

#: Enables the power button (port 0x602), looks at it with every tick of the clock (0x600), and ends the machine (0x604).
#: mov dx,0x602; mov ax,0x100; out dx,ax; mov dx,0x600; wait: sti; hlt; in ax,dx; test ah,1; jz wait; mov dx,0x604;
#: mov ax,0x2000; out dx,ax
POLITE = bytes.fromhex("ba0206 b80001 ef ba0006 fb f4 ed f6c401 74f8 ba0406 b80020 ef")

#: Tells QEMU's pvpanic device that it panicked: mov dx,0x505; mov al,1; out dx,al; then it is deaf.
PANICKING = bytes.fromhex("ba0505 b001 ee") + DEAF

#: Winds up the watchdog at place 30 of the PCI bus, once, to its shortest: outl(0xcf8, 0x8000f060); outw(0xcfc, 4);
#: outl(0xcf8, 0x8000f068); outb(0xcfc, 2); then it is deaf. Two seconds later the watchdog barks.
WATCHED = bytes.fromhex("66b8 60f00080 baf80c 66ef bafc0c b80400 ef 66b8 68f00080 baf80c 66ef bafc0c b002 ee") + DEAF

TEXT_AT = 0x46


def boot_sector(after: bytes, text: bytes = b"tiny guest\r\nlogin: ") -> bytes:
    code = (PRINT + after).ljust(TEXT_AT, b"\xf4")
    assert len(code) == TEXT_AT
    return (code + text + b"\0").ljust(510, b"\0") + b"\x55\xaa"


def write_images(folder: Path) -> None:
    for name, code in (("deaf", DEAF), ("polite", POLITE), ("panicking", PANICKING), ("watched", WATCHED)):
        (folder / f"{name}.raw").write_bytes(boot_sector(code).ljust(1 << 20, b"\0"))
    (folder / "rescue.raw").write_bytes(boot_sector(DEAF, b"to the rescue\r\n").ljust(1 << 20, b"\0"))


def make_spec(folder: Path, n: int, *, image: str = "deaf", **fields) -> GuestSpec:
    root = RootDisk(base=str(folder / f"{image}.raw"), format="raw")
    return GuestSpec(id=f"00000000-0000-4000-8000-{n:012}", name=f"instance-{n:08x}", vcpus=1, memory_mb=16, root=root, **fields)


def leftovers(state: Path) -> list[str]:
    """Every file and every process that belongs to a guest."""
    files = [str(file.relative_to(state)) for top in ("guests", "trash") for file in sorted((state / top).rglob("*"))]
    return files + [f"process of {guest_id}" for guest_id in process.running(state / "guests")]
