"""What a flavor and an image ask of the inside of a host: NUMA cells, processors of their own, pages of a size.

The names are Nova's (`hw:numa_nodes`, `hw:cpu_policy`, `hw:mem_page_size` … of flavors; `hw_numa_nodes` … of images). The
flavor is the operator's word: an image may only ask for what the flavor leaves open. Pure.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from pileus.compute.errors import NumaInvalid

Threads = Literal["prefer", "isolate", "require"]
_UNITS = {"": 1, "KB": 1, "MB": 1024, "GB": 1024 * 1024}
#: Pages by the operator's words; any other word is a size.
SMALL, LARGE, ANY = "small", "large", "any"
#: A page of this size is what every host has: memory without huge pages.
SMALL_KIB = 4


class GuestCell(msgspec.Struct, frozen=True, kw_only=True):
    """One NUMA cell of a guest."""

    id: int
    cpus: tuple[int, ...]                   # the guest's own numbers of its CPUs in this cell
    dedicated: frozenset[int] = frozenset()     # those of them that get a processor for themselves
    memory_mb: int
    threads: Threads = "prefer"             # what dedicated CPUs want of the threads beside them
    pages: str | int = SMALL                # small | large | any | a size in KiB


def dedicated(vcpus: int, specs: Mapping[str, str], properties: Mapping[str, str]) -> frozenset[int]:
    """The numbers of a guest's CPUs that get processors of their own. Raises NumaInvalid."""
    policy = _word(specs, properties, "cpu_policy", {"shared", "dedicated", "mixed"})
    mask = specs.get("hw:cpu_dedicated_mask")
    if policy == "mixed":
        if not mask:
            raise NumaInvalid(why="The CPU policy mixed needs hw:cpu_dedicated_mask.")
        chosen = frozenset(cpu_set(mask, range(vcpus)))
        if not chosen or len(chosen) == vcpus:
            raise NumaInvalid(why="hw:cpu_dedicated_mask must leave both shared and dedicated CPUs.")
        return chosen
    if mask:
        raise NumaInvalid(why="hw:cpu_dedicated_mask needs the CPU policy mixed.")
    return frozenset(range(vcpus)) if policy == "dedicated" else frozenset()


def guest_cells(vcpus: int, memory_mb: int, specs: Mapping[str, str], properties: Mapping[str, str]) -> tuple[GuestCell, ...]:
    """The NUMA cells of a guest; () when neither flavor nor image cares. Raises NumaInvalid."""
    own = dedicated(vcpus, specs, properties)
    pages = _pages(specs, properties)
    nodes = _either(specs, properties, "numa_nodes")
    if nodes is None and not own and pages is None:
        return ()
    count = _number("numa_nodes", nodes or "1")
    if not 1 <= count <= vcpus:
        raise NumaInvalid(why=f"A guest with {vcpus} CPUs cannot have {count} NUMA nodes.")
    threads = _word(specs, properties, "cpu_thread_policy", {"prefer", "isolate", "require"})
    if threads and not own:
        raise NumaInvalid(why="A CPU thread policy needs dedicated CPUs.")
    cpus, memory = _cpus(count, vcpus, specs, properties), _memory(count, memory_mb, specs, properties)
    return tuple(
        GuestCell(id=n, cpus=cpus[n], dedicated=own & set(cpus[n]), memory_mb=memory[n], threads=threads or "prefer",  # type: ignore[arg-type]
                  pages=SMALL if pages is None else pages)
        for n in range(count))


def cpu_set(text: str, among: range) -> list[int]:
    """"0-3,^2,8" as [0, 1, 3, 8]. Raises NumaInvalid for what is no such list, or is not among the given."""
    chosen: set[int] = set()
    without: set[int] = set()
    for part in text.replace(" ", "").split(","):
        to, part = (without, part[1:]) if part.startswith("^") else (chosen, part)
        low, dash, high = part.partition("-")
        if not low.isdecimal() or (dash and not high.isdecimal()) or (dash and int(high) < int(low)):
            raise NumaInvalid(why=f"{text!r} is not a set of CPUs.")
        if int(high or low) >= among.stop:
            raise NumaInvalid(why=f"{text!r} names CPUs that are not there; there are {among.stop}.")
        to |= set(range(int(low), int(high or low) + 1))
    return sorted(chosen - without)


def _cpus(count: int, vcpus: int, specs: Mapping[str, str], properties: Mapping[str, str]) -> list[tuple[int, ...]]:
    given = [_either(specs, properties, f"numa_cpus.{n}") for n in range(count)]
    if not any(given):
        if vcpus % count:
            raise NumaInvalid(why=f"{vcpus} CPUs cannot be shared evenly by {count} NUMA nodes.")
        share = vcpus // count
        return [tuple(range(n * share, (n + 1) * share)) for n in range(count)]
    cells = [tuple(cpu_set(text or "", range(vcpus))) for text in given]
    if sorted(cpu for cell in cells for cpu in cell) != list(range(vcpus)):
        raise NumaInvalid(why="Each CPU must be in exactly one NUMA node.")
    return cells


def _memory(count: int, memory_mb: int, specs: Mapping[str, str], properties: Mapping[str, str]) -> list[int]:
    given = [_either(specs, properties, f"numa_mem.{n}") for n in range(count)]
    if not any(given):
        if memory_mb % count:
            raise NumaInvalid(why=f"{memory_mb} MiB of memory cannot be shared evenly by {count} NUMA nodes.")
        return [memory_mb // count] * count
    found = [_number(f"numa_mem.{n}", text or "") for n, text in enumerate(given)]
    if sum(found) != memory_mb:
        raise NumaInvalid(why=f"The memory of the NUMA nodes is not {memory_mb} MiB together.")
    return found


def _pages(specs: Mapping[str, str], properties: Mapping[str, str]) -> str | int | None:
    """An image may choose only among what the flavor leaves open: `large` and `any`."""
    flavor, image = specs.get("hw:mem_page_size"), properties.get("hw_mem_page_size")
    if image is not None and flavor not in (LARGE, ANY):
        raise NumaInvalid(why="The image asks for a page size and the flavor does not leave it open.")
    text = image if image is not None else flavor
    if text is None or text in (SMALL, LARGE, ANY):
        return text
    digits = text.rstrip("bBkKMmGg")
    unit = text[len(digits):].upper()
    unit = unit + "B" if unit in ("K", "M", "G") else unit
    if not digits.isdecimal() or unit not in _UNITS or not int(digits):
        raise NumaInvalid(why=f"{text!r} is not a size of pages.")
    return int(digits) * _UNITS[unit]


def _word(specs: Mapping[str, str], properties: Mapping[str, str], name: str, words: set[str]) -> str | None:
    found = _either(specs, properties, name)
    if found is not None and found not in words:
        raise NumaInvalid(why=f"{found!r} is not one of {', '.join(sorted(words))} for {name}.")
    return found


def _either(specs: Mapping[str, str], properties: Mapping[str, str], name: str) -> str | None:
    """The flavor's word, or the image's. Raises NumaInvalid when the image contradicts."""
    flavor, image = specs.get(f"hw:{name}"), properties.get(f"hw_{name}")
    if flavor is not None and image is not None and flavor != image:
        raise NumaInvalid(why=f"The image's hw_{name} contradicts the flavor's hw:{name}.")
    return flavor if flavor is not None else image


def _number(name: str, text: str) -> int:
    if not text.isdecimal():
        raise NumaInvalid(why=f"{text!r} is not a number for {name}.")
    return int(text)
