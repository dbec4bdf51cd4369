"""Limits on the processor time of guests: a control group (version 2) for each guest that has any.

Only an agent that may make groups of its own below the root can do it; hosts whose kernel still keeps the processor in the first
version of control groups cannot. A group is made before its guest runs and removed when the guest is forgotten.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
from pathlib import Path

from pileus.compute.hypervisor.limits import CpuShare

ROOT = Path("/sys/fs/cgroup")
OURS = "pileus-guests"


class Shares:
    def __init__(self, root: Path = ROOT):
        self.groups = root / OURS
        self._root = root

    def possible(self) -> bool:
        """Whether groups can be made here; makes the one that all guests' groups are in."""
        try:
            if "cpu" not in (self._root / "cgroup.controllers").read_text().split():
                return False
            (self._root / "cgroup.subtree_control").write_text("+cpu")
            self.groups.mkdir(exist_ok=True)
            (self.groups / "cgroup.subtree_control").write_text("+cpu")
            return True
        except OSError:
            return False

    def put(self, guest_id: str, pid: int, share: CpuShare, vcpus: int) -> None:
        """Limit a process and all it starts from now on. The quota of one CPU is given to all of the guest's together. Raises OSError."""
        group = self.groups / guest_id
        group.mkdir(exist_ok=True)
        if share.weight is not None:
            (group / "cpu.weight").write_text(str(share.weight))
        quota = "max" if share.quota is None else str(share.quota * vcpus)
        (group / "cpu.max").write_text(f"{quota} {share.period}")
        (group / "cgroup.procs").write_text(str(pid))

    def forget(self, guest_id: str) -> None:
        """Remove a guest's group, if there is one and nothing runs in it any more."""
        with contextlib.suppress(OSError):
            (self.groups / guest_id).rmdir()
