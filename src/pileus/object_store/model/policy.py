"""Storage policies: which ring, and so how many copies on which devices, objects of a container are kept on."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import msgspec

Count = Annotated[int, msgspec.Meta(ge=1)]


class ErasureCoding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How objects are cut and coded. Like the policy's number it never changes once objects are kept that way."""

    data: Count                             # fragments that an object is cut into: any so many of all bring it back
    parity: Count                           # fragments more: so many may be lost
    type: Literal["isa_l_rs_vand", "isa_l_rs_cauchy", "liberasurecode_rs_vand"] = "isa_l_rs_vand"  # the code
    segment_size: Count = 1 << 20           # bytes that are coded at a time
    duplication: Count = 1                  # copies of each fragment

    @property
    def unique(self) -> int:
        """Different fragments."""
        return self.data + self.parity

    @property
    def places(self) -> int:
        """Devices that hold one each."""
        return self.unique * self.duplication

    @property
    def quorum(self) -> int:
        """Fragments that make a write good: one may be lost at once, and it can be read still."""
        return (self.data + 1) * self.duplication

    @property
    def deleting(self) -> int:
        """Devices that have to know of a deletion: what the others have is not enough to read it then."""
        return max((self.places + 1) // 2, self.places - self.data + 1)


class StoragePolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One policy. Its number is written into every container and never changes its meaning."""

    index: int                              # its number; 0 is what containers of before had
    name: str                               # what clients call it
    aliases: list[str] = []                 # other names of it
    default: bool = False                   # what containers get that ask for none
    deprecated: bool = False                # no new container may have it
    erasure: ErasureCoding | None = None    # coded fragments instead of whole copies

    @property
    def folder(self) -> str:
        """The folder of its objects on a device."""
        return "objects" if self.index == 0 else f"objects-{self.index}"

    @property
    def ring(self) -> str:
        return "object" if self.index == 0 else f"object-{self.index}"

    def replicas(self, copies: int) -> int:
        """How many devices its ring has for each partition, where whole copies are kept `copies` times."""
        return self.erasure.places if self.erasure else copies


class Policies:
    """All policies, by number and by name. Raises ValueError for a list that contradicts itself."""

    def __init__(self, policies: Sequence[StoragePolicy] = ()):
        listed = list(policies) or [StoragePolicy(index=0, name="Policy-0", default=True)]
        self.by_index = {p.index: p for p in listed}
        self.by_name = {name.upper(): p for p in listed for name in (p.name, *p.aliases)}
        if len(self.by_index) != len(listed) or len(self.by_name) != sum(1 + len(p.aliases) for p in listed):
            raise ValueError("two storage policies have the same number or name")
        if 0 not in self.by_index:
            raise ValueError("there must be a storage policy with the number 0")
        defaults = [p for p in listed if p.default] or [self.by_index[0]]
        if len(defaults) != 1 or defaults[0].deprecated:
            raise ValueError("there must be one default storage policy, not a deprecated one")
        self.default = defaults[0]

    def __iter__(self) -> Iterator[StoragePolicy]:
        return iter(self.by_index.values())

    def __getitem__(self, index: int) -> StoragePolicy:
        return self.by_index[index]

    def get(self, index: int) -> StoragePolicy | None:
        return self.by_index.get(index)

    def named(self, name: str) -> StoragePolicy | None:
        return self.by_name.get(name.upper())
