"""Compute as the other parts of the cloud see it: its resources, put together."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.compute.config import ComputeConfig
from pileus.compute.interface import CONTROL, ComputeReports, MetadataAnswers
from pileus.compute.metadata.service import Metadata
from pileus.compute.metadata.vendor import vendor_data
from pileus.compute.sagas.cache_images import CACHE_IMAGES
from pileus.compute.sagas.conductor import Conductor
from pileus.compute.sagas.create_server import CREATE_SERVER
from pileus.compute.sagas.delete_server import DELETE_SERVER
from pileus.compute.sagas.evacuate import EVACUATE
from pileus.compute.sagas.interfaces import ATTACH_INTERFACE, DETACH_INTERFACE
from pileus.compute.sagas.live_migrate import LIVE_MIGRATE
from pileus.compute.sagas.power import CHANGE_POWER
from pileus.compute.sagas.rebuild import REBUILD
from pileus.compute.sagas.rescue import RESCUE, UNRESCUE
from pileus.compute.sagas.resize import RESIZE
from pileus.compute.sagas.resized import CONFIRM_RESIZE, REVERT_RESIZE
from pileus.compute.sagas.shelve import OFFLOAD, SHELVE
from pileus.compute.sagas.snapshot import TAKE_SNAPSHOT
from pileus.compute.sagas.unshelve import UNSHELVE
from pileus.compute.service.consoles import Consoles
from pileus.compute.service.events import ExternalEvents
from pileus.compute.service.fixed_ips import FixedIps
from pileus.compute.service.floating_ips import FloatingIps
from pileus.compute.service.image_caches import ImageCaches
from pileus.compute.service.insides import Insides
from pileus.compute.service.interfaces import Interfaces
from pileus.compute.service.moving import Moving
from pileus.compute.service.reports import Reports
from pileus.compute.service.resources import Resources
from pileus.compute.service.scheduling import Scheduling
from pileus.compute.service.security_groups import SecurityGroups
from pileus.compute.service.servers import Servers
from pileus.compute.service.verbs.evacuations import Evacuations
from pileus.compute.service.verbs.live_migrations import LiveMigrations
from pileus.compute.service.verbs.rebuilds import Rebuilds
from pileus.compute.service.verbs.rescues import Rescues
from pileus.compute.service.verbs.resizes import Resizes
from pileus.compute.service.verbs.shelving import Shelving
from pileus.compute.service.verbs.snapshots import Snapshots
from pileus.compute.store.consoles import ConsoleTokens
from pileus.compute.store.records import Records
from pileus.core.kit import Kit

SAGAS = [CREATE_SERVER, DELETE_SERVER, CHANGE_POWER, ATTACH_INTERFACE, DETACH_INTERFACE, TAKE_SNAPSHOT, REBUILD, RESIZE, CONFIRM_RESIZE,
         REVERT_RESIZE, RESCUE, UNRESCUE, SHELVE, OFFLOAD, UNSHELVE, LIVE_MIGRATE, EVACUATE, CACHE_IMAGES]


class Compute(Resources):
    """Nova: `flavors`, `keypairs`, `hosts`, … come with `Resources`; servers and what is done to them are added here."""

    def __init__(self, kit: Kit, config: ComputeConfig, *, images: Any, placement: Any, network: Any, identity: Any = None):
        super().__init__(kit, config, placement=placement, identity=identity)
        self.kit, self.config, self.network = kit, config, network
        self.records = Records.of(kit)
        self.store, self.actions, self.migrations = self.records.servers, self.records.actions, self.records.migrations
        self.scheduling = Scheduling(kit, config, hosts=self.hosts, aggregates=self.aggregates, server_groups=self.server_groups,
                                     servers=self.store, placement=placement)
        self.servers = Servers(kit, config, resources=self, records=self.records, scheduling=self.scheduling, images=images,
                               network=network)
        self.snapshots = Snapshots(self.servers)
        self.rebuilds = Rebuilds(self.servers)
        self.resizes = Resizes(self.servers)
        self.rescues = Rescues(self.servers)
        self.live_migrations = LiveMigrations(self.servers, self.resizes)
        self.evacuations = Evacuations(self.servers, self.resizes)
        self.shelving = Shelving(self.servers, self.snapshots)
        self.image_caches = ImageCaches(kit, self.aggregates)
        self.interfaces = Interfaces(kit, servers=self.servers, network=network, actions=self.actions)
        self.consoles = Consoles(kit, config, servers=self.servers, tokens=ConsoleTokens(kit.db))
        self.security_groups = SecurityGroups(servers=self.servers, network=network)
        self.floating_ips = FloatingIps(servers=self.servers, network=network)
        self.fixed_ips = FixedIps(servers=self.servers, network=network)
        self.insides = Insides(kit, servers=self.servers)
        self.events = ExternalEvents(servers=self.store, network=network)
        self.reports = Reports(kit, config, hosts=self.hosts, placement=placement, servers=self.store, migrations=self.migrations)
        self.conductor = Conductor(
            kit=kit, config=config, servers=self.store, scheduling=self.scheduling, moving=Moving(self.scheduling), images=images,
            network=network, actions=self.actions, migrations=self.migrations)

    async def start(self) -> None:
        """Answer hosts and guests, and know the sagas. Raises ValueError for a configuration that names what there is not."""
        self.scheduling.check()
        vendor_data(self.config.vendordata_file)
        self.kit.bus.serve(ComputeReports, CONTROL, self.reports)
        self.kit.bus.serve(MetadataAnswers, CONTROL, Metadata(
            servers=self.store, network=self.network, vendor_file=self.config.vendordata_file))
        for saga in SAGAS:
            self.kit.sagas.register(saga, self.conductor)
