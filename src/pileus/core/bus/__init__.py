"""Calls to hosts. An `Interface` names what a host offers; the same typed call works in process and over a network.

A call waits for the answer and has a time limit of its class; a cast does not wait. The bus is never the source of truth:
whatever a message would have caused, a periodic task would notice. Compatibility is additive: new methods, new optional
fields; unknown fields are ignored here (and refused at the HTTP edge).
"""

# SPDX-License-Identifier: Apache-2.0
from pileus.core.bus.interface import LONG, NORMAL, QUICK, Bus, HostUnreachable, Interface, takes
from pileus.core.bus.loopback import Loopback

__all__ = ["LONG", "NORMAL", "QUICK", "Bus", "HostUnreachable", "Interface", "Loopback", "takes"]
