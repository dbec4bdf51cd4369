"""`pileus doctor`: what this machine can do for a cloud with real guests, and what to do about what is missing."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

import msgspec

from pileus.cli.keys import credential_folder, exposed, saml_key, token_folders, weaknesses
from pileus.cli.options import STATE, State, configuration

#: Commands that the data plane runs, and the Debian packages that bring them.
TOOLS = {"qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils", "dnsmasq": "dnsmasq-base", "nft": "nftables", "ip": "iproute2",
         "conntrack": "conntrack", "genisoimage": "genisoimage", "ssh": "openssh-client"}


#: What some guests and consoles want: a file of it, its Debian package, and what there is not without it.
EXTRAS = [("/usr/share/OVMF", "ovmf", "no UEFI guests"), ("/usr/share/novnc", "novnc", "no screens in the browser"),
          ("/usr/bin/mformat", "mtools", "no config drives of the format vfat"),
          ("/usr/bin/setpriv", "util-linux", "guests' processes run as root")]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`ok`: True, False (a real cloud cannot run), or None (it can, with something less)."""

    what: str
    ok: bool | None
    text: str


async def examine(state: Path) -> list[Finding]:
    """Try everything out; changes nothing on the machine."""
    python = Finding(what="Python", ok=True, text=sys.version.split()[0])
    return [python, _root(), _tools(), *_extras(), *await _qemu(state), *_network(), _space(state), _keys(state),
            *await _image_stores(state)]


def _keys(state: Path) -> Finding:
    from pileus.identity.federation.saml_key import staged_of

    config = configuration(state)
    wrong = [text for folder in (*token_folders(config, state), credential_folder(config, state)) for text in weaknesses(folder)]
    wrong += [text for file in (saml_key(config, state), staged_of(saml_key(config, state))) for text in exposed(file)]
    return Finding(what="keys", ok=not wrong, text="; ".join(wrong) or "only their owner can read them")


async def _image_stores(state: Path) -> list[Finding]:
    """Every store that images are kept in; a cloud runs without one that does not answer, but not with one that cannot be."""
    from pileus.core.clock import Clock
    from pileus.core.config import ConfigInvalid
    from pileus.image.backends.condition import conditions
    from pileus.image.backends.stores import Around, configured_stores
    from pileus.image.backends.work import Workers

    config = configuration(state).image
    try:
        stores = configured_stores(config, Around(state, Workers(0), Clock(), config))
    except ConfigInvalid as wrong:
        return [Finding(what="image stores", ok=False, text=str(wrong))]
    return [Finding(what=f"image store {found.store}", ok=True if found.usable else None, text=found.text)
            for found in await conditions(stores)]


def _root() -> Finding:
    if os.geteuid() == 0:
        return Finding(what="root", ok=True, text="yes")
    return Finding(what="root", ok=False, text="real networks need root; run with sudo, or use `pileus up --simulated`")


def _tools() -> Finding:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = {tool: package for tool, package in TOOLS.items() if not shutil.which(tool, path=path)}
    if missing:
        return Finding(what="tools", ok=False, text=f"missing {', '.join(missing)}: apt-get install {' '.join(missing.values())}")
    return Finding(what="tools", ok=True, text=", ".join(TOOLS))


def _extras() -> list[Finding]:
    return [Finding(what=package, ok=None, text=f"not installed: {less}; apt-get install {package}")
            for file, package, less in EXTRAS if not os.path.exists(file)]


async def _qemu(state: Path) -> list[Finding]:
    from pileus.compute.hypervisor.base import HypervisorFailed
    from pileus.compute.hypervisor.qemu.layout import Home
    from pileus.compute.hypervisor.qemu.probe import BINARY, abilities

    remembered = Home(state).probe
    try:
        can = await abilities(BINARY, remembered if remembered.parent.exists() else None)
    except HypervisorFailed as failure:
        return [Finding(what="QEMU", ok=False, text=failure.detail or str(failure))]
    found = [Finding(what="QEMU", ok=True, text=".".join(map(str, can.version)))]
    if can.kvm:
        return [*found, Finding(what="KVM", ok=True, text="works: guests run at full speed")]
    why = "/dev/kvm exists, but a guest does not start with it" if os.path.exists("/dev/kvm") else "there is no /dev/kvm"
    slow = (f"{why}: guests are emulated (TCG), about ten times slower; "
            "enable virtualisation in the firmware, or nested virtualisation on the host")
    return [*found, Finding(what="KVM", ok=None, text=slow)]


def _network() -> list[Finding]:
    from pileus.network.datapath.linux.probe import probe

    known = {"root", *TOOLS}
    return [Finding(what=c.name, ok=True if c.works else False if c.needed else None, text=c.says) for c in probe() if c.name not in known]


def _space(state: Path) -> Finding:
    place = next(p for p in (state, *state.parents) if p.exists())
    free = shutil.disk_usage(place).free >> 30
    return Finding(what="disk", ok=True if free >= 5 else None, text=f"{free} GiB free in {place}")


def doctor(*, state: State = STATE) -> int:
    """Say what this machine can do, and what to do about what is missing."""
    from rich.console import Console

    console = Console()
    found = asyncio.run(examine(state))
    for finding in found:
        mark = {True: "[green]✓[/]", False: "[red]✗[/]", None: "[yellow]·[/]"}[finding.ok]
        console.print(f"{mark} [bold]{finding.what:22}[/] {finding.text}")
    if any(f.ok is False for f in found):
        console.print("\nA cloud with real guests cannot run here yet; `pileus up --simulated` can.")
        return 1
    console.print("\nA cloud with real guests can run here: `pileus demo`.")
    return 0
