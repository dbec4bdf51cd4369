"""Checksums that clients send with a body, ahead of it or behind it (User guide, "Checking object integrity")."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from pileus.object_store.s3.errors import S3Error

PREFIX = "x-amz-checksum-"
#: Begin the same way, and are none.
NO_CHECKSUMS = (PREFIX + "mode", PREFIX + "type", PREFIX + "algorithm")


class Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class Crc32:
    def __init__(self) -> None:
        self.value = 0

    def update(self, data: bytes, /) -> None:
        self.value = zlib.crc32(data, self.value)

    def digest(self) -> bytes:
        return self.value.to_bytes(4, "big")


def _crc32c() -> Hash:
    from pileus.object_store.s3.crc import crc32c  # NumPy: not before somebody wants it

    return crc32c()


def _crc64nvme() -> Hash:
    from pileus.object_store.s3.crc import crc64nvme

    return crc64nvme()


#: name → (how it begins, how many bytes it has)
ALGORITHMS: dict[str, tuple[Callable[[], Hash], int]] = {
    "crc32": (Crc32, 4), "crc32c": (_crc32c, 4), "crc64nvme": (_crc64nvme, 8), "sha1": (hashlib.sha1, 20), "sha256": (hashlib.sha256, 32)}


class Checksum:
    """One that is checked while a body goes by. `told` is None until its trailer has come."""

    def __init__(self, name: str, told: str | None = None):
        self.name, self.told = name, told
        self.hash = ALGORITHMS[name][0]()

    def update(self, data: bytes) -> None:
        self.hash.update(data)

    @property
    def made(self) -> str:
        return base64.b64encode(self.hash.digest()).decode()

    def check(self) -> None:
        """Raises S3Error unless it is what was told."""
        if self.told != self.made:
            raise S3Error("BadDigest", f"The {self.name.upper()} you specified did not match the calculated checksum.")


def is_valid(name: str, text: str) -> bool:
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(digest) == ALGORITHMS[name][1] and base64.b64encode(digest).decode() == text


def wanted(headers: Mapping[str, str], *, streaming: bool) -> Checksum | None:
    """The checksum that a request's headers announce. Raises S3Error for one that cannot be, or more than one."""
    given = [name for name in headers if name.startswith(PREFIX) and name not in NO_CHECKSUMS]
    behind = _trailers(headers.get("x-amz-trailer", ""))
    if len(given) > 1 or len(behind) > 1:
        raise S3Error("InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
    if given and behind:
        raise S3Error("InvalidRequest", "Expecting a single x-amz-checksum- header")
    if behind and not streaming:
        raise S3Error("MalformedTrailerError")
    header = next(iter(given + behind), "")
    name = header.removeprefix(PREFIX)
    if header and name not in ALGORITHMS:
        raise S3Error("InvalidRequest", "The algorithm type you specified in x-amz-checksum- header is invalid.")
    if given and not is_valid(name, headers[header]):
        raise S3Error("InvalidRequest", f"Value for {header} header is invalid.")
    _check_declared(headers.get("x-amz-sdk-checksum-algorithm", ""), name)
    return Checksum(name, headers[header] if given else None) if header else None


def _check_declared(declared: str, name: str) -> None:
    if declared and not name:
        raise S3Error("InvalidRequest", "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer "
                                        "headers were found.")
    if declared and declared.lower() != name:
        raise S3Error("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.")


def _trailers(text: str) -> list[str]:
    """What is to come behind the body. Raises S3Error for what is no checksum."""
    if not text.strip():
        return []
    names: Iterable[str] = [part.strip().lower() for part in text.strip().rstrip(",").split(",")]
    if any(name.removeprefix(PREFIX) not in ALGORITHMS or not name.startswith(PREFIX) for name in names):
        raise S3Error("InvalidRequest", "The value specified in the x-amz-trailer header is not supported")
    return list(names)
