"""The proxy: it finds the devices of an account, container or object, asks enough of them, and gives the best answer."""

# SPDX-License-Identifier: Apache-2.0
from pileus.object_store.proxy.proxy import Proxy

__all__ = ["Proxy"]
