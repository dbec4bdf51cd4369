"""A server, and the states it goes through.

`vm_state` says what it is, `task_state` what is being done to it, `power_state` what the hypervisor last said. `ACTIONS`
is the state machine of everything a user may ask for; a server is entered into an action by one compare-and-swap.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

import msgspec

from pileus.compute.hypervisor.base import Power
from pileus.compute.model.flavor import Flavor

# vm_state
BUILDING, ACTIVE, PAUSED, SUSPENDED, STOPPED, ERROR, DELETED = "building", "active", "paused", "suspended", "stopped", "error", "deleted"
RESIZED, RESCUED, SHELVED, SHELVED_OFFLOADED, SOFT_DELETED = "resized", "rescued", "shelved", "shelved_offloaded", "soft-delete"
# task_state
SCHEDULING, SPAWNING, DELETING = "scheduling", "spawning", "deleting"


class Fault(msgspec.Struct, frozen=True):
    """Why a server is in ERROR, in words its owner may read; `details` are for administrators."""

    code: int
    message: str
    created: datetime
    details: str = ""


class Nic(msgspec.Struct, frozen=True, kw_only=True):
    """A network interface of a server: which port, and whether it goes when the server goes."""

    port_id: str
    network_id: str | None = None           # None until known: an existing port's
    existing: bool = False                  # the user made the port: it is only unbound
    fixed_ip: str | None = None
    tag: str | None = None


class Server(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    number: int
    project_id: str
    user_id: str
    name: str
    hostname: str
    description: str | None = None
    vm_state: str = BUILDING
    task_state: str | None = SCHEDULING
    power_state: int = Power.NOSTATE
    progress: int = 0
    locked_by: str | None = None
    locked_reason: str | None = None
    host: str | None = None
    host_id: str | None = None
    availability_zone: str | None = None
    pinned_zone: str | None = None
    image_id: str | None = None
    flavor: Flavor
    flavor_id: str
    vcpus: int
    memory_mb: int
    key_name: str | None = None
    public_key: str | None = None
    metadata: dict[str, str] = {}
    system_metadata: dict[str, str] = {}
    tags: list[str] = []
    user_data: str | None = None
    config_drive: bool = False
    access_ip_v4: str | None = None
    access_ip_v6: str | None = None
    disk_config: str = "MANUAL"
    reservation_id: str
    launch_index: int = 0
    security_groups: list[str] = []
    scheduler_hints: dict = {}
    nics: list[Nic] = []
    trusted_image_certificates: list[str] | None = None
    fault: Fault | None = None
    created_at: datetime
    updated_at: datetime
    launched_at: datetime | None = None
    terminated_at: datetime | None = None
    deleted_at: datetime | None = None

    @property
    def guest_name(self) -> str:
        return f"instance-{self.number:08x}"

    @property
    def status(self) -> str:
        """The API's status: made of both states (compute API guide, Server concepts)."""
        at_rest = STATUS.get(self.vm_state, "UNKNOWN")
        return TASK_STATUS.get(self.vm_state, {}).get(self.task_state, at_rest) if self.task_state else at_rest


STATUS = {BUILDING: "BUILD", ACTIVE: "ACTIVE", PAUSED: "PAUSED", SUSPENDED: "SUSPENDED", STOPPED: "SHUTOFF", ERROR: "ERROR",
          DELETED: "DELETED", RESIZED: "VERIFY_RESIZE", RESCUED: "RESCUE", SHELVED: "SHELVED",
          SHELVED_OFFLOADED: "SHELVED_OFFLOADED", SOFT_DELETED: "SOFT_DELETED"}
_HARD: dict[str | None, str] = {"rebooting_hard": "HARD_REBOOT"}
_LIVE: dict[str | None, str] = {"migrating": "MIGRATING"}
_REBUILD: dict[str | None, str] = {"rebuilding": "REBUILD"}
_RESIZE: dict[str | None, str] = dict.fromkeys(("resize_prep", "resize_migrating", "resize_migrated", "resize_finish"), "RESIZE")
TASK_STATUS: dict[str, dict[str | None, str]] = {
    ACTIVE: {"rebooting": "REBOOT", "updating_password": "PASSWORD", **_LIVE, **_HARD, **_REBUILD, **_RESIZE},
    STOPPED: _HARD | _REBUILD | _RESIZE,
    PAUSED: _LIVE | _HARD,
    SUSPENDED: _HARD,
    ERROR: _HARD | _REBUILD,
    RESIZED: {"resize_reverting": "REVERT_RESIZE"},
}


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """From which vm_states an action may begin, the task_state while it lasts, and the vm_state it ends in.

    `power` is what the hypervisor is asked for (None: see the action's saga). An action may begin only while no other
    task runs, unless `over` names task_states that it may take over."""

    allowed: frozenset[str]
    task: str
    then: str | None
    power: Power | None = None
    over: frozenset[str] = frozenset()


def _action(*allowed: str, task: str, then: str | None, power: Power | None = None, over: frozenset[str] = frozenset()) -> Action:
    return Action(allowed=frozenset(allowed), task=task, then=then, power=power, over=over)


REBOOTS = frozenset({"rebooting", "reboot_pending", "reboot_started"})
#: The task states in which a server's disk is copied into an image, in their order.
IMAGING = ("image_snapshot_pending", "image_snapshot", "image_backup")
ACTIONS: dict[str, Action] = {
    "start":       _action(STOPPED, task="powering-on", then=ACTIVE, power=Power.RUNNING),
    "stop":        _action(ACTIVE, ERROR, task="powering-off", then=STOPPED, power=Power.SHUTDOWN),
    "pause":       _action(ACTIVE, task="pausing", then=PAUSED, power=Power.PAUSED),
    "unpause":     _action(PAUSED, task="unpausing", then=ACTIVE, power=Power.RUNNING),
    "suspend":     _action(ACTIVE, task="suspending", then=SUSPENDED, power=Power.SUSPENDED),
    "resume":      _action(SUSPENDED, task="resuming", then=ACTIVE, power=Power.RUNNING),
    "reboot_soft": _action(ACTIVE, task="rebooting", then=ACTIVE),
    "reboot_hard": _action(ACTIVE, STOPPED, PAUSED, SUSPENDED, ERROR, task="rebooting_hard", then=ACTIVE, over=REBOOTS),
    # Those below keep the vm_state (then=None) or have sagas that know what it becomes.
    "createImage":  _action(ACTIVE, STOPPED, PAUSED, SUSPENDED, task="image_snapshot_pending", then=None),
    "createBackup": _action(ACTIVE, STOPPED, PAUSED, SUSPENDED, task="image_backup", then=None),
    "rebuild":      _action(ACTIVE, STOPPED, ERROR, task="rebuilding", then=None),
    "resize":       _action(ACTIVE, STOPPED, task="resize_prep", then=RESIZED),
    "confirmResize": _action(RESIZED, task="resize_confirming", then=None),
    "revertResize": _action(RESIZED, ERROR, task="resize_reverting", then=None),
    "rescue":       _action(ACTIVE, STOPPED, ERROR, task="rescuing", then=RESCUED),
    "unrescue":     _action(RESCUED, task="unrescuing", then=ACTIVE),
    "shelve":       _action(ACTIVE, STOPPED, PAUSED, SUSPENDED, task="shelving", then=SHELVED),
    "shelveOffload": _action(SHELVED, task="shelving_offloading", then=SHELVED_OFFLOADED),
    "unshelve":     _action(SHELVED, SHELVED_OFFLOADED, task="unshelving", then=ACTIVE),
    "live-migration": _action(ACTIVE, PAUSED, task="migrating", then=None),
    "evacuate":     _action(ACTIVE, STOPPED, ERROR, task="rebuilding", then=None),
    "softDelete":   _action(ACTIVE, STOPPED, PAUSED, SUSPENDED, task="soft-deleting", then=SOFT_DELETED, power=Power.SHUTDOWN),
    "restore":      _action(SOFT_DELETED, task="restoring", then=ACTIVE, power=Power.RUNNING),
    "changePassword": _action(ACTIVE, task="updating_password", then=None),
}
#: What a power-state audit may conclude without being asked: (vm_state, power on the hypervisor) → vm_state.
SYNC = {
    (ACTIVE, Power.SHUTDOWN): STOPPED, (ACTIVE, Power.CRASHED): STOPPED, (ACTIVE, Power.PAUSED): PAUSED,
    (ACTIVE, Power.SUSPENDED): SUSPENDED, (STOPPED, Power.RUNNING): ACTIVE, (PAUSED, Power.RUNNING): ACTIVE,
    (SUSPENDED, Power.RUNNING): ACTIVE, (PAUSED, Power.SHUTDOWN): STOPPED,
}
