"""All parsers side by side over one image, as it streams by or as it lies in a file.

Both ways give the same answer for the same bytes, because both hold a parser to the same rule of going forward. Memory:
the head, the tail, and at most one wanted part per parser, only for parsers whose signature was there.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from pathlib import Path

import msgspec

from pileus.image.formats import others, qcow2, vhd, vhdx, vmdk
from pileus.image.formats.parsing import HEAD, MOST, Damaged, End, Parser, Verdict, Want

#: Every parser by the format's name in the API, those that need more caution first: the first one found names the image.
PARSERS: dict[str, Parser] = {
    "qcow2": qcow2.parse,
    "qcow": qcow2.parse_qcow,
    "qed": qcow2.parse_qed,
    "vmdk": vmdk.parse,
    "vhdx": vhdx.parse,
    "vhd": vhd.parse,
    "vdi": others.parse_vdi,
    "ploop": others.parse_ploop,
    "bochs": others.parse_bochs,
    "cloop": others.parse_cloop,
    "dmg": others.parse_dmg,
    "iso": others.parse_iso,
    "luks": others.parse_luks,
    "gpt": others.parse_gpt,
    "mbr": others.parse_mbr,
}
#: Bytes of a disk as they are. They may also be found inside another format, which then names the image.
PLAIN = frozenset({"raw", "luks", "gpt", "mbr"})
_TAIL = 1536
_PAST_ALL = 1 << 64


class Found(msgspec.Struct, frozen=True):
    """What an image is. `safe` means: nothing in it makes a tool open another file or do more than its size says."""

    format: str
    virtual_size: int
    safe: bool = True
    problems: tuple[str, ...] = ()
    encrypted: bool = False


class Inspector:
    """Consumes an image chunk by chunk. Nothing that is fed makes it raise."""

    def __init__(self) -> None:
        self.size = 0
        self._head, self._tail = bytearray(), b""
        self._running = {name: _Run(parser) for name, parser in PARSERS.items()}
        self._found: dict[str, Verdict] = {}

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes of the image."""
        data = memoryview(data)
        if len(self._head) < HEAD:
            self._head += data[:HEAD - len(self._head)]
        for name, run in list(self._running.items()):
            run.collect(self._head, self.size, data)
            if run.done:
                self._settle(name)
        self.size += len(data)
        self._tail = (self._tail + bytes(data[-_TAIL:]))[-_TAIL:]

    def finish(self) -> Found:
        """The verdict, when all bytes were fed. May be called again."""
        for name, run in list(self._running.items()):
            while not run.done:
                # What was not collected by now is beyond the end; a part of the head may still be asked for.
                run.collect(self._head, self.size, memoryview(b""))
                if isinstance(run.want, End):
                    run.answer((self._tail[max(0, len(self._tail) - run.want.length):], self.size))
                elif run.want is not None:
                    run.answer(bytes(run.got))
            self._settle(name)
        return _conclude(self._found, self.size)

    def _settle(self, name: str) -> None:
        verdict = self._running.pop(name).verdict
        if verdict is not None:
            self._found[name] = verdict


def inspect(path: str | os.PathLike[str]) -> Found:
    """Look at a file. Reads a few hundred KiB at most, however large it is. Raises OSError when it cannot be read."""
    found: dict[str, Verdict] = {}
    with Path(path).open("rb", buffering=0) as file:
        size, number = os.fstat(file.fileno()).st_size, file.fileno()
        for name, parser in PARSERS.items():
            run = _Run(parser)
            while run.want is not None:
                if isinstance(run.want, End):
                    length = min(run.want.length, size)
                    run.answer((_read(number, length, size - length), size))
                else:
                    run.answer(_read(number, run.want.length, run.want.offset) if run.want.offset < size else b"")
            if run.verdict is not None:
                found[name] = run.verdict
    return _conclude(found, size)


class _Run:
    """One parser at work: what it waits for, and in the end its verdict."""

    def __init__(self, parser: Parser):
        self.generator = parser()
        self.want: Want | End | None = None
        self.verdict: Verdict | None = None
        self.reached, self.got = 0, bytearray()
        self._step(None)

    @property
    def done(self) -> bool:
        return self.want is None

    def answer(self, value: bytes | tuple[bytes, int]) -> None:
        self.reached = max(self.reached, self.want.offset + self.want.length) if isinstance(self.want, Want) else _PAST_ALL
        self.got = bytearray()
        self._step(value)

    def collect(self, head: bytearray, begin: int, data: memoryview) -> None:
        """Take what is wanted from the head and from `data`, which begins at `begin` in the image."""
        while isinstance(self.want, Want):
            end = self.want.offset + self.want.length
            at = self.want.offset + len(self.got)
            if at >= end:
                self.answer(bytes(self.got))
            elif at < len(head):
                self.got += head[at:end]
            elif begin <= at < begin + len(data):
                self.got += data[at - begin:end - begin]
            else:
                return

    def _step(self, value: bytes | tuple[bytes, int] | None) -> None:
        try:
            self.want = self.generator.send(value)
            if isinstance(self.want, Want) and not self._may(self.want):
                self.generator.close()
                raise Damaged("its parts are in an order that cannot be checked")
        except StopIteration as stop:
            self.want, self.verdict = None, stop.value
        except Damaged as damage:
            self.want, self.verdict = None, Verdict(0, (str(damage),))

    def _may(self, want: Want) -> bool:
        return want.length <= MOST and (want.offset >= self.reached or want.offset + want.length <= HEAD)


def _conclude(found: dict[str, Verdict], size: int) -> Found:
    names = [name for name in PARSERS if name in found]
    if not names:
        return Found("raw", size)
    name, *others = names
    verdict = found[name]
    # Two formats at once: which one a tool sees is up to the tool.
    problems = verdict.problems + tuple(f"it is also {other}" for other in others if other not in PLAIN)
    return Found(name, verdict.virtual_size, not problems, problems, verdict.encrypted)


def _read(number: int, length: int, offset: int) -> bytes:
    parts = bytearray()
    while len(parts) < length and (part := os.pread(number, length - len(parts), offset + len(parts))):
        parts += part
    return bytes(parts)
