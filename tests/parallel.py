"""How several workers share the tests: a file is never torn apart, and what cannot stand beside itself stays together.

Used by pytest-xdist (`make test`). Servers and clusters are shared by the tests of a file, so a file goes to one worker. Tests of
TOGETHER go to one worker, one after another, because they make what has one name on a machine, or share what takes long to make.
"""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

#: What takes longest, longest first, or one worker would be left with it at the end: a file, or all below a folder.
TOGETHER = (
    "tests/e2e/",
    "tests/compute/hypervisor/",                # share what was found out about this machine's QEMU
    "tests/test_conformance.py",
    "tests/network/datapath/linux/",            # namespaces of the same networks have the same names
    "tests/image/guest/",                       # share the image they boot
    "tests/identity/test_databases.py",
    "tests/object_store/test_simulation.py",
    "tests/compute/test_lost_hosts.py",
)


def turn(nodeid: str) -> int:
    """Where a test belongs in the order of TOGETHER; all others come after it."""
    return next((number for number, start in enumerate(TOGETHER) if nodeid.startswith(start)), len(TOGETHER))


class WholeFiles(LoadScopeScheduling):
    """Gives workers whole files, or what TOGETHER names, in the order of the collection."""

    def __init__(self, config, log=None):
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return (*TOGETHER, nodeid.partition("::")[0])[turn(nodeid)]

    def remove_node(self, node) -> str | None:
        """A test that took its worker with it has failed, and is not tried again on the next one."""
        units = self.assigned_work[node].values()
        unit, crashed = next(((unit, test) for unit in units for test, done in unit.items() if not done), ({}, None))
        if crashed:
            unit[crashed] = True
        super().remove_node(node)
        return crashed
