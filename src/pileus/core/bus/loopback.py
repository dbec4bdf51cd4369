"""The bus when caller and host live in one process."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from pileus.core.bus.interface import HostUnreachable, Interface, Method
from pileus.core.errors import CloudError, revive


class Loopback:
    """Hands values over as they are: Structs are frozen. With `strict`, as in tests, everything is encoded and decoded on
    the way, errors too, so that nothing works only in one process."""

    def __init__(self, *, strict: bool = False):
        self.strict = strict
        self.targets: dict[tuple[str, str], Any] = {}

    def serve(self, interface: type[Interface], host: str, target: Any) -> None:
        self.targets[interface.topic, host] = target

    def withdraw(self, interface: type[Interface], host: str) -> None:
        self.targets.pop((interface.topic, host), None)

    async def request(self, method: Method, host: str, args: tuple) -> Any:
        target = self.targets.get((method.topic, host))
        if target is None:
            raise HostUnreachable(host=host, topic=method.topic)
        if self.strict:
            args = tuple(_again(value, kind) for value, kind in zip(args, method.args, strict=False))
        try:
            async with asyncio.timeout(method.timeout_s):
                result = await getattr(target, method.name)(*args)
        except TimeoutError as late:
            raise HostUnreachable(host=host, topic=method.topic, detail=f"{method.name} took longer than {method.timeout_s} s") from late
        except CloudError as error:
            if self.strict:
                raise revive(error.code, _again(error.facts, dict), error.text, error.detail) from error
            raise
        return _again(result, method.result) if self.strict else result


def _again(value: Any, kind: Any) -> Any:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(value, enc_hook=str), type=kind)
