"""JsonFilter: a user's question over the facts of hosts, such as `["and", [">=", "$free_ram_mb", 1024], …]`.

The question is evaluated over whole columns. It is a user's input: its size and depth are bounded, and whatever is wrong
with it is Invalid. `NAMES` are the facts that a question and ComputeCapabilitiesFilter may name, as Nova calls them.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from pileus.compute.scheduler.request import ServerRequest
from pileus.compute.scheduler.snapshot import Hosts, Profile
from pileus.core.errors import Invalid

NAMES: dict[str, Callable[[Hosts], np.ndarray]] = {
    "free_ram_mb": lambda hosts: hosts.memory_mb - hosts.memory_mb_reserved - hosts.memory_mb_used,
    "total_usable_ram_mb": lambda hosts: hosts.memory_mb,
    "free_disk_mb": lambda hosts: 1024 * (hosts.disk_gib - hosts.disk_gib_reserved - hosts.disk_gib_used),
    "total_usable_disk_gb": lambda hosts: hosts.disk_gib,
    "disk_mb_used": lambda hosts: 1024 * hosts.disk_gib_used,
    "vcpus_total": lambda hosts: hosts.vcpus,
    "vcpus_used": lambda hosts: hosts.vcpus_used,
    "num_instances": lambda hosts: hosts.num_instances,
    "num_io_ops": lambda hosts: hosts.num_io_ops,
    "failed_builds": lambda hosts: hosts.failed_builds,
    "cpu_allocation_ratio": lambda hosts: hosts.cpu_allocation_ratio,
    "ram_allocation_ratio": lambda hosts: hosts.ram_allocation_ratio,
    "disk_allocation_ratio": lambda hosts: hosts.disk_allocation_ratio,
    "hypervisor_version": lambda hosts: hosts.hypervisor_version,
    "hypervisor_type": lambda hosts: _of_profiles(hosts, lambda profile: profile.hypervisor_type),
    "cpu_arch": lambda hosts: _of_profiles(hosts, lambda profile: profile.cpu_arch),
    "hypervisor_hostname": lambda hosts: _texts(hosts, "node"),
    "nodename": lambda hosts: _texts(hosts, "node"),
    "host": lambda hosts: _texts(hosts, "host"),
}
_COMPARE: dict[str, Callable] = {"=": operator.eq, "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}
_MOST_PARTS, _DEEPEST, _LONGEST = 200, 20, 10_000


def query(hosts: Hosts, request: ServerRequest) -> np.ndarray:
    """The hosts for which the request's `query` hint holds; all when it asks nothing. Raises Invalid."""
    if not request.query:
        return hosts.present
    if len(request.query) > _LONGEST:
        raise Invalid("The scheduler hint query is too long.")
    try:
        asked = msgspec.json.decode(request.query)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid(f"The scheduler hint query is not JSON: {error}") from error
    if not isinstance(asked, list):
        raise Invalid("The scheduler hint query is not a list.")
    if not asked:
        return hosts.present
    result = _Evaluation(hosts).value(asked, 0)
    if isinstance(result, list):
        result = _truths(hosts, result, any_of=True)
    return _truth(hosts, result) & hosts.present


def column(hosts: Hosts, name: str) -> np.ndarray:
    return NAMES[name](hosts)


def inside(value: Any, path: list[str]) -> Any:
    """What is at the end of the path, or None."""
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


class _Evaluation:
    """One walk over one question. A value is a number, a text, a column, or a list of these."""

    def __init__(self, hosts: Hosts):
        self.hosts, self.parts = hosts, 0

    def value(self, asked: Any, depth: int) -> Any:
        self.parts += 1
        if self.parts > _MOST_PARTS or depth > _DEEPEST:
            raise Invalid("The scheduler hint query is too large.")
        if isinstance(asked, str):
            return self.variable(asked[1:]) if asked.startswith("$") else asked
        if isinstance(asked, bool | int | float):
            return asked
        if not isinstance(asked, list) or not asked or not isinstance(asked[0], str):
            raise Invalid(f"The scheduler hint query has {asked!r} where an operation is expected.")
        op, args = asked[0], [self.value(arg, depth + 1) for arg in asked[1:]]
        if op == "not":
            return [~_truth(self.hosts, arg) for arg in _flat(args)]
        if op in ("and", "or"):
            return _truths(self.hosts, _flat(args), any_of=op == "or")
        if op == "in":
            return self.compare(operator.eq, args, any_of=True)
        if op in _COMPARE:
            return self.compare(_COMPARE[op], args, any_of=False)
        raise Invalid(f"The scheduler hint query has the unknown operation {op!r}.")

    def variable(self, name: str) -> Any:
        if name in NAMES:
            return column(self.hosts, name)
        path = name.removeprefix("capabilities.").split(".")
        return _of_profiles(self.hosts, lambda profile: inside(profile.capabilities, path))

    def compare(self, op: Callable, args: list, any_of: bool) -> Any:
        if len(args) < 2:
            return False
        first, *others = args
        if any(isinstance(arg, list) for arg in args):
            raise Invalid("The scheduler hint query compares with a negation.")
        return _truths(self.hosts, [_compared(self.hosts, op, first, other) for other in others], any_of=any_of)


def _compared(hosts: Hosts, op: Callable, first: Any, second: Any) -> Any:
    """Numbers with numbers as arrays; anything else value by value, where different kinds never compare as true."""
    if not isinstance(first, np.ndarray) and not isinstance(second, np.ndarray):
        return _one(op, first, second)
    sides = [np.broadcast_to(np.asarray(side, object if isinstance(side, str) else None), len(hosts.rows))
             for side in (first, second)]
    if all(side.dtype != object for side in sides):
        return op(sides[0], sides[1])
    return np.array([_one(op, left, right) for left, right in zip(sides[0].tolist(), sides[1].tolist(), strict=True)], np.bool_)


def _one(op: Callable, left: Any, right: Any) -> bool:
    if left is None or right is None or isinstance(left, str) != isinstance(right, str):
        return False
    try:
        return bool(op(left, right))
    except TypeError:
        return False


def _flat(values: list) -> list:
    return [part for value in values for part in (value if isinstance(value, list) else [value])]


def _truths(hosts: Hosts, values: list, any_of: bool) -> np.ndarray:
    masks = [_truth(hosts, value) for value in values]
    joined = (np.logical_or if any_of else np.logical_and).reduce(masks) if masks else np.bool_(not any_of)
    return np.broadcast_to(joined, len(hosts.rows))


def _truth(hosts: Hosts, value: Any) -> np.ndarray:
    if isinstance(value, np.ndarray):
        return np.array([bool(item) for item in value.tolist()], np.bool_) if value.dtype == object else value.astype(np.bool_)
    return np.full(len(hosts.rows), bool(value), np.bool_)


def _of_profiles(hosts: Hosts, fact: Callable[[Profile], Any]) -> np.ndarray:
    """A column of objects from a fact of the profile."""
    facts = np.empty(max(1, len(hosts.profiles.items)), object)
    for at, profile in enumerate(hosts.profiles.items):
        facts[at] = None if profile is None else fact(profile)
    return facts[hosts.profile]


def _texts(hosts: Hosts, name: str) -> np.ndarray:
    column = np.empty(len(hosts.rows), object)
    column[:] = ["" if host is None else getattr(host, name) or host.host for host in hosts.rows]
    return column
