"""What a host offers, as a class of typed coroutines; `at` gives a caller the same methods for one host."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, Self, get_type_hints

import msgspec

from pileus.core.errors import Unavailable

#: Time classes of calls, in seconds.
QUICK, NORMAL, LONG = 10.0, 60.0, 600.0


class HostUnreachable(Unavailable):
    code, message = "bus.host_unreachable", "Host {host} does not answer ({topic})."


class Bus(Protocol):
    """Carries requests to the one who serves a topic on a host."""

    def serve(self, interface: type[Interface], host: str, target: Any) -> None: ...

    def withdraw(self, interface: type[Interface], host: str) -> None: ...

    async def request(self, method: Method, host: str, args: tuple) -> Any:
        """Raises what the target raised (as the same class), or HostUnreachable when nobody serves or answers in time."""


class Method(msgspec.Struct, frozen=True):
    """One method of an interface, with all that a transport needs."""

    topic: str
    name: str
    args: tuple[Any, ...]                   # types
    result: Any
    timeout_s: float


def takes(timeout_s: float) -> Callable:
    """Say which time class a method belongs to (QUICK, NORMAL, LONG)."""

    def mark(fn):
        fn.timeout_s = timeout_s
        return fn

    return mark


class Interface:
    """Base of all bus interfaces: `class ComputeAgent(Interface, topic="compute")` with coroutine signatures and no bodies."""

    topic: ClassVar[str]
    methods: ClassVar[dict[str, Method]]

    def __init_subclass__(cls, topic: str):
        cls.topic, cls.methods = topic, {}
        for name, fn in list(vars(cls).items()):
            if inspect.iscoroutinefunction(fn) and not name.startswith("_"):
                hints = get_type_hints(fn)
                result = hints.pop("return", type(None))
                args = tuple(hints[p] for p in list(inspect.signature(fn).parameters)[1:])
                method = Method(topic, name, args, result, getattr(fn, "timeout_s", NORMAL))
                cls.methods[name] = method
                setattr(cls, name, _caller(method, fn))

    def __init__(self, host: str, bus: Bus):
        self._host, self._bus = host, bus

    @classmethod
    def at(cls, host: str, bus: Bus) -> Self:
        return cls(host, bus)


def _caller(method: Method, fn: Callable) -> Callable:
    async def call(self: Interface, *args: Any) -> Any:
        return await self._bus.request(method, self._host, args)

    call.__name__, call.__doc__ = fn.__name__, fn.__doc__
    return call
