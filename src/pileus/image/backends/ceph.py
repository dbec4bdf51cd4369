"""One pool of a Ceph cluster, through Ceph's own Python modules.

They come with Ceph (Debian: python3-rados, python3-rbd), built for the system's Python, and are in no package index. A virtual
environment does not see them: they, and nothing else, are then loaded from the folder where the system keeps them.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from threading import Lock
from types import ModuleType
from typing import Any

from pileus.image.backends.base import BlobInUse, BlobMissing, StoreFailed, StoreFull
from pileus.image.backends.config import RbdConfig

INSTALL = "Ceph's Python modules are missing: install python3-rados and python3-rbd for Python {}.{}, or set bindings_folder"
#: Threads of all pools load each module once.
LOADING = Lock()
KINDS = {errno.ENOENT: BlobMissing, errno.EBUSY: BlobInUse, errno.ENOTEMPTY: BlobInUse, errno.ENOSPC: StoreFull, errno.EDQUOT: StoreFull}


class Pool:
    """Connected when it is first used; librados finds its way back to a cluster that was away. All of it blocks."""

    def __init__(self, config: RbdConfig):
        self.config, self.lock = config, Lock()
        self.cluster: Any = None
        self.opened: Any = None

    def io(self) -> Any:
        """The pool, for calls of librbd. Raises StoreFailed."""
        with self.lock:
            if self.opened is None:
                rados = module("rados", self.config.bindings_folder)
                try:
                    self.opened = self._connected(rados).open_ioctx(self.config.pool)
                except rados.Error as failure:
                    raise StoreFailed(detail=f"pool {self.config.pool}: {failure}") from failure
            return self.opened

    @property
    def rbd(self) -> ModuleType:
        """Raises StoreFailed."""
        module("rados", self.config.bindings_folder)            # which it imports
        return module("rbd", self.config.bindings_folder)

    @contextmanager
    def told(self) -> Iterator[None]:
        """What librbd raises is told as what a store raises."""
        rbd = self.rbd
        try:
            yield
        except rbd.Error as failure:
            if getattr(failure, "errno", 0) == errno.ESHUTDOWN:
                self._forget()
            raise KINDS.get(getattr(failure, "errno", 0), StoreFailed)(detail=str(failure)) from failure

    def _forget(self) -> None:
        """A client that the cluster has shut out never comes in again: what is done next has another."""
        with self.lock:
            self.cluster = self.opened = None

    def _connected(self, rados: ModuleType) -> Any:
        if self.cluster is None:
            cluster = rados.Rados(conffile=self.config.conf_file, rados_id=self.config.user)
            try:
                cluster.connect(timeout=self.config.connect_timeout_s)
            except rados.Error:
                cluster.shutdown()
                raise
            self.cluster = cluster
        return self.cluster


def module(name: str, folder: str) -> ModuleType:
    """A module of this Python's own, or the one in that folder. Raises StoreFailed."""
    with LOADING:
        try:
            return importlib.import_module(name)
        except ImportError:
            return _loaded(name, folder)


def _loaded(name: str, folder: str) -> ModuleType:
    spec = PathFinder.find_spec(name, [folder])
    if spec is None or spec.loader is None:
        raise StoreFailed(detail=INSTALL.format(*sys.version_info))
    try:
        found = module_from_spec(spec)
        spec.loader.exec_module(found)
    except ImportError as broken:
        raise StoreFailed(detail=f"{INSTALL.format(*sys.version_info)} ({broken})") from broken
    sys.modules[name] = found
    return found
