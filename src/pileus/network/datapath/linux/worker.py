"""The work of one `apply`, in order, on the kernel's thread. Synchronous.

The order keeps guests safe at every moment: servers and devices that go are gone before the rules forget them, and rules
that guard a device are loaded before the device is plugged in. If the rules cannot be loaded, nothing new is plugged in.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import socket
import subprocess
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from pileus.core.clock import Clock
from pileus.network.datapath.base import DatapathFailed, HostNetworks, Listen, Router, wireable
from pileus.network.datapath.linux import announce, claim, closed, conntrack, diff, names, netns
from pileus.network.datapath.linux.dnsmasq import DhcpFailed, Dnsmasq
from pileus.network.datapath.linux.kernel import Kernel, KernelRefused
from pileus.network.datapath.linux.layout import plan
from pileus.network.datapath.linux.model import Layout, Options, Space
from pileus.network.datapath.linux.ruleset import Rules
from pileus.network.datapath.linux.security import Guard

ZONES = 65535
FAILURES = (KernelRefused, DhcpFailed, OSError, subprocess.SubprocessError)
HOST = ""                                   # the namespace that the thread is in


class Done:
    """What an apply came to."""

    def __init__(self) -> None:
        self.wired: frozenset[str] = frozenset()
        self.failures: list[tuple[str, str]] = []       # what was to be done, and why it was not
        self.broken: set[str] = set()       # devices that something failed for
        self.loaded: set[str] = set()       # namespaces whose rules were changed
        self.listen: dict[str, Listen] = {}


class Worker:
    """Remembers what is in the kernel, and forgets it when anything fails."""

    def __init__(self, options: Options, run: Path, host: str = "", clock: Clock | None = None, remember_s: float = 300):
        if host:
            netns.enter(host)
        self._claim = claim.host(options.tag)
        with suppress(OSError):             # built in, or no modules here: then nothing is wrong; `probe` says when it is
            subprocess.run(["modprobe", "br_netfilter"], capture_output=True, check=False)
        self.options = options
        self.kernel = Kernel(options.tag, held=(self._claim.fileno(),))
        self.dnsmasq = Dnsmasq(run)
        self._views: dict[str, Space] = {}              # namespace → what is in it, by what was last seen or made
        self._rules: dict[str, Rules] = {}              # namespace → the rules that are loaded
        self._before: HostNetworks | None = None        # what the rules that are loaded were made for
        self._last: tuple[HostNetworks, Layout, Done] | None = None
        self._guards = Guard()
        self._clock, self._remember_s, self._looked_at = clock or Clock(), remember_s, 0.0

    def let_go(self) -> None:
        """Another agent of this cloud may take up the work."""
        self._claim.close()

    def forget(self) -> None:
        """Look at everything anew, the next time."""
        self._views.clear()
        self._rules.clear()
        self._last = None

    def apply(self, wanted: HostNetworks) -> Done:
        """Make it so. What fails is reported, and does not keep the rest from being made."""
        if self._clock.monotonic() - self._looked_at > self._remember_s:
            self.forget()                               # somebody else may have changed something
        done = Done()
        if self._last and self._last[0] == wanted:
            _, layout, done = self._last
        else:
            layout = self._make(wanted, done)
        for name, dhcp in layout.dhcp.items():
            self._try(done, f"start DHCP in {name}", partial(self.dnsmasq.ensure, name, dhcp))
        self._last = (wanted, layout, done)
        if done.failures:
            self.forget()
        return done

    def _make(self, wanted: HostNetworks, done: Done) -> Layout:
        """Everything but the DHCP servers."""
        if not self._views:
            self._look()
        zones = self._zones(wanted)
        layout = self._understood(wanted, zones)
        self._drop(layout, done)
        guarded = self._guard(HOST, layout.host, done)
        plugged = set(self._views[HOST].links)
        self._make_spaces(layout, done)
        if guarded:
            self._change(HOST, layout.host, self.options.tag, done)
            self._try(done, "forward packets", lambda: self.kernel.settle(layout.host.sysctls))
            if HOST in done.loaded:
                self._try(done, "end connections", lambda: self._end_flows(wanted, zones))
            self._before = wanted
        routers = {names.ROUTER + router.id: router for router in wanted.routers}
        for name, space in layout.spaces.items():
            self._inside(name, space, routers.get(name), done)
        for name in layout.listen.keys() & self._views.keys():
            self._try(done, f"listen in {name}", partial(self._listen, name, layout.listen[name], done))
        done.wired = frozenset(self._wired(wanted, layout, done, None if guarded else plugged))
        return layout

    def _listen(self, name: str, listen: Listen, done: Done) -> None:
        done.listen[name] = replace(listen, generation=netns.inode(name))

    def _understood(self, wanted: HostNetworks, zones: dict[str, int]) -> Layout:
        try:
            return plan(wanted, self.options, zones, self._guards)
        except (ValueError, KeyError, TypeError) as failure:
            raise DatapathFailed(what="understand what is wanted", detail=repr(failure)) from failure

    def clear(self) -> list[tuple[str, str]]:
        """Remove everything of this cloud."""
        self.forget()
        self._look()
        done = Done()
        self._drop(Layout(host=Space()), done)
        self._guard(HOST, Space(), done)
        for space in self.dnsmasq.spaces():
            self.dnsmasq.end(space)
        with suppress(OSError):
            self.dnsmasq.run.rmdir()
        self.forget()
        return done.failures

    def open_socket(self, name: str, listen: Listen) -> socket.socket:
        """A listening socket inside a namespace."""
        with netns.inside(name):
            opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((listen.address, listen.port))
        opened.listen(128)
        return opened

    # -- what is there ---------------------------------------------------------------------------------------------

    def _look(self) -> None:
        self._looked_at = self._clock.monotonic()
        self._views = {HOST: self.kernel.look(HOST)}
        for name in self.kernel.spaces():
            self._views[name] = self.kernel.look(name)

    def _zones(self, wanted: HostNetworks) -> dict[str, int]:
        """The conntrack zone of each network that is not physical: the one it has, or one that no cloud here uses."""
        known = dict(filter(None, (names.zone_in(link.alias) for link in self._views[HOST].links.values())))
        zones, taken = {}, set(known.values())
        for network in wanted.networks:
            if not network.physical:
                zone = known.get(network.id) or next(zone for zone in _candidates(network.id) if zone not in taken)
                zones[network.id] = zone
                taken.add(zone)
        return zones

    # -- the steps -------------------------------------------------------------------------------------------------

    def _drop(self, layout: Layout, done: Done) -> None:
        """Remove what is no longer wanted, from the inside out."""
        gone = [name for name in self._views if name not in (HOST, *layout.spaces)]
        for name in {*gone, *self.dnsmasq.spaces()} - layout.dhcp.keys():
            self._try(done, f"end DHCP in {name}", partial(self.dnsmasq.end, name))
        host = self._views[HOST]
        operations = diff.removals(host, layout.host, self.options.tag, self._lost(layout))
        operations += [diff.DeleteLink(link=name) for name in host.links if name.startswith(self.kernel.temporary)]
        self._carry_out(HOST, operations, done)
        self._views[HOST] = diff.without(host, operations)
        for name in gone:
            if self._try(done, f"remove {name}", partial(self.kernel.remove_space, name)):
                del self._views[name]
                self._rules.pop(name, None)

    def _lost(self, layout: Layout) -> set[str]:
        """Veth pairs whose other end is not where it should be: with a namespace that somebody removed, for example."""
        pairs = ((link.name, *link.peer) for link in layout.host.links.values() if link.peer and link.peer[0])
        return {name for name, space, end in pairs if space not in self._views or end not in self._views[space].links}

    def _guard(self, name: str, space: Space, done: Done) -> bool:
        """Load the rules, unless they are loaded."""
        known = self._rules.get(name)
        if known == space.rules:
            return True

        def load() -> None:
            if known is not None or not self.kernel.rules_are(name, space.rules):
                self.kernel.load_rules(name, space.rules, known)
                done.loaded.add(name)
            self._rules[name] = space.rules

        return self._try(done, f"load the rules of {name or 'the host'}", load)

    def _make_spaces(self, layout: Layout, done: Done) -> None:
        for name, space in layout.spaces.items():
            if name not in self._views and self._try(done, f"make {name}", partial(self.kernel.make_space, name, space)):
                self._views[name] = Space(alias=space.alias)

    def _inside(self, name: str, space: Space, router: Router | None, done: Done) -> None:
        """Rules first: a router that forwards before it translates lets inside addresses out."""
        if name not in self._views:
            return
        if not self._guard(name, space, done):
            return
        if not space.links.keys() <= self._views[name].links.keys():       # their outer ends were just made
            self._views[name] = self.kernel.look(name)
        operations = self._change(name, space, None, done)
        if router:
            self._try(done, f"announce the addresses of {name}", lambda: self._announce(name, space, operations))
            if name in done.loaded:
                self._try(done, f"end connections of {name}", lambda: self._end_translations(name, router))

    def _announce(self, name: str, space: Space, operations: Iterable[diff.Operation]) -> None:
        """Tell the neighbours of new addresses, who may remember another place for them."""
        new = [(op.link, op.address.partition("/")[0]) for op in operations if isinstance(op, diff.Address) and op.add]
        with netns.inside(name):
            announce.gratuitous_arp((link, space.links[link].mac or "", ip) for link, ip in new if ":" not in ip)

    def _end_flows(self, wanted: HostNetworks, zones: dict[str, int]) -> None:
        if ports := list(closed.narrowed(self._before, wanted)):
            conntrack.end(closed.of_ports(ports, zones))

    def _end_translations(self, name: str, router: Router) -> None:
        with netns.inside(name):
            conntrack.end(closed.of_router(router))

    def _change(self, name: str, space: Space, tag: str | None, done: Done) -> list[diff.Operation]:
        """Everything but the removals of the host, which were first of all. Returns what was carried out."""
        have = self._views[name]
        operations: list[diff.Operation] = []
        if tag is None:
            operations += diff.removals(have, space, tag)
            have = diff.without(have, operations)
        operations += diff.changes(have, space, tag, removed=bool(operations))
        self._carry_out(name, operations, done)
        self._views[name] = _made(space, have, tag)
        return operations

    def _carry_out(self, name: str, operations: list[diff.Operation], done: Done) -> None:
        if not operations:
            return
        with self.kernel.at(name) as ip:
            for operation in operations:
                if not self._try(done, f"change {operation.link or name}", partial(self.kernel.change, ip, operation)):
                    done.broken.add(operation.link)

    def _wired(self, wanted: HostNetworks, layout: Layout, done: Done, only: set[str] | None) -> Iterable[str]:
        """Ports whose device is there and plugged in; with `only`, those whose device was there before."""
        for port in wireable(wanted):
            link = layout.host.links[layout.devices[port.id]]
            if not {link.name, link.master} & done.broken and (only is None or link.name in only):
                yield port.id

    def _try(self, done: Done, what: str, do: Callable[[], object]) -> bool:
        try:
            do()
        except FAILURES as failure:
            done.failures.append((what, str(failure)))
            return False
        return True


def _made(space: Space, have: Space, tag: str | None) -> Space:
    """What is there after everything was carried out: what was wanted, and the strangers as they were."""
    strangers = {} if tag is None else {link.name: link for link in have.links.values() if names.owner(link.alias) != tag}
    used = {name: replace(link, filtered=True) for name, link in strangers.items() if name in space.links}
    return replace(space, links={**space.links, **strangers, **used})


def _candidates(network_id: str) -> Iterable[int]:
    """Zones in the order in which a network would like to have them; 0 is the host's."""
    first = zlib.crc32(network_id.encode())
    return (1 + (first + n) % ZONES for n in range(ZONES))
