"""The composition root: configuration → database → bus → services → agents → HTTP. The only module that knows everything.

Nothing below it knows whether it is alone in its process: services get each other through their constructors, agents are
reached over the bus.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec

from pileus import hosts
from pileus.compute.agent import Agent as ComputeAgent
from pileus.compute.agent import HostOptions
from pileus.compute.agent import periodic as compute_agent_tasks
from pileus.compute.api import API as COMPUTE
from pileus.compute.api import consoles
from pileus.compute.console.proxy import Proxy
from pileus.compute.hypervisor.base import Hypervisor
from pileus.compute.periodic import PERIODIC as COMPUTE_TASKS
from pileus.compute.policy import DEFAULTS as COMPUTE_POLICY
from pileus.compute.service.compute import Compute
from pileus.config import CloudConfig, database_url
from pileus.core.bus import Loopback
from pileus.core.clock import Clock
from pileus.core.context import Context
from pileus.core.db import Database
from pileus.core.http.app import Edge, build
from pileus.core.http.mount import Mounts
from pileus.core.http.sockets import with_sockets
from pileus.core.ids import Ids
from pileus.core.kit import Kit
from pileus.core.log import Log
from pileus.core.metrics import Metrics
from pileus.core.periodic import Ticker
from pileus.core.policy import Policy, load_all_overrides
from pileus.core.saga import Sagas
from pileus.identity.api import API as IDENTITY
from pileus.identity.api.validations import Validations
from pileus.identity.periodic import PERIODIC as IDENTITY_TASKS
from pileus.identity.policy import DEFAULTS as IDENTITY_POLICY
from pileus.identity.service import Identity
from pileus.image.api import API as IMAGE
from pileus.image.local import LocalImages
from pileus.image.periodic import PERIODIC as IMAGE_TASKS
from pileus.image.policy import DEFAULTS as IMAGE_POLICY
from pileus.image.service import Images
from pileus.network.agent import Agent as NetworkAgent
from pileus.network.api import API as NETWORK
from pileus.network.datapath.base import Datapath
from pileus.network.periodic import PERIODIC as NETWORK_TASKS
from pileus.network.policy import DEFAULTS as NETWORK_POLICY
from pileus.network.service import Network
from pileus.object_store.periodic import PERIODIC as OBJECT_TASKS
from pileus.object_store.pipeline.domain_remap import is_remapped
from pileus.object_store.pipeline.identity import Signed, Signer
from pileus.object_store.s3.names import is_for_s3
from pileus.object_store.service import ObjectStore
from pileus.placement.api import API as PLACEMENT
from pileus.placement.policy import DEFAULTS as PLACEMENT_POLICY
from pileus.placement.service import Placement
from pileus.status import API as STATUS

log = Log("pileus.cloud")

MakeHost = Callable[[hosts.Place], tuple[Hypervisor, Datapath]]
POLICY = {**IDENTITY_POLICY, **IMAGE_POLICY, **PLACEMENT_POLICY, **COMPUTE_POLICY, **NETWORK_POLICY}
APIS = [IDENTITY, IMAGE, PLACEMENT, COMPUTE, NETWORK, consoles.PAGES, STATUS]


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """What handlers reach as `req.services`."""

    identity: Identity
    image: Images
    placement: Placement
    compute: Compute
    network: Network
    kit: Kit


class Host(msgspec.Struct, kw_only=True):
    """One host of this process: its agents and their drivers."""

    name: str
    compute: ComputeAgent
    network: NetworkAgent
    hypervisor: Hypervisor
    datapath: Datapath


class Cloud:
    """A whole cloud in this process. `make_host` gives the drivers of a host (see `hosts.Machine`)."""

    def __init__(self, config: CloudConfig, state: Path, *, make_host: MakeHost | None = None,
                 clock: Clock | None = None, ids: Ids | None = None, strict_bus: bool = False):
        self.config, self.state, self.make_host = config, state, make_host or hosts.Machine().make_host
        self.clock, self.ids, self.strict_bus = clock or Clock(), ids or Ids(), strict_bus
        self.hosts: dict[str, Host] = {}

    async def start(self) -> None:
        """Bring everything up; when it returns, requests can be answered."""
        self.kit = await self._kit()
        self.services = await self._services()
        authenticate = self.services.identity.authenticate_request
        apis = build(APIS, Edge(services=self.services, authenticate=authenticate, policy=self.kit.policy,
                                ids=self.ids, metrics=self.kit.metrics))
        front = Validations(apis, self.services.identity, self.ids, self.kit.metrics)
        self.objects = self._objects()
        proxy = Proxy(self.services.compute.consoles.resolve, tuple(self.config.compute.console_origins))
        mounted = [(self._is_for_objects, self.objects.app)] if self.objects else []
        self.app = Mounts(with_sockets(front, {consoles.SOCKET: proxy}), mounted)
        for name in hosts.host_names(self.config):
            await self.add_host(name)
        self._periodic()
        await self.kit.sagas.resume(at_start=True)

    async def stop(self) -> None:
        """Let go of everything: guests and networks go on, interrupted operations are taken up at the next start."""
        await self.kit.ticker.stop()
        await self.kit.sagas.stop()
        for host in self.hosts.values():
            await host.compute.stop()
            await host.network.stop()
        if self.objects:
            await self.objects.stop()
        await self.services.network.stop()
        await self.services.identity.stop()
        await self.kit.db.close()

    @property
    def endpoint(self) -> str:
        return self.config.api.endpoint or f"http://{self.config.api.listen}"

    async def add_host(self, name: str) -> Host:
        """Start the agents of one more host."""
        place = hosts.Place(name=name, config=self.config, state=self.state, clock=self.clock, bus=self.kit.bus)
        hypervisor, datapath = self.make_host(place)
        host = Host(name=name, hypervisor=hypervisor, datapath=datapath,
                    network=NetworkAgent(name, datapath, self.kit.bus, self.config.network, clock=self.clock),
                    compute=ComputeAgent(name, hypervisor, LocalImages(self.services.image, place.home / "bases"), self.kit.bus,
                                         place.home / "work" / name, HostOptions(
                                             spawn_concurrency=self.config.compute.spawn_concurrency,
                                             cpu_shared_set=self.config.compute.cpu_shared_set,
                                             cpu_dedicated_set=self.config.compute.cpu_dedicated_set,
                                             host_ip=hosts.own_address(self.config))))
        await host.network.start()
        await host.compute.start()
        self.hosts[name] = host
        self.kit.ticker.add(f"compute agent {name}", host.compute, compute_agent_tasks(self.config.compute.report_interval_s))
        return host

    async def _kit(self) -> Kit:
        db = await Database.open(database_url(self.config, self.state))
        await _prepare(db)
        metrics = Metrics()
        overrides, unknown = load_all_overrides(self.config.api.policy_file, self.config.api.policy_folder, POLICY)
        for name in unknown:
            log.warning("the policy file names a rule that does not exist", rule=name)
        sagas = Sagas(db, self.clock, self.ids, self.config.host or socket.gethostname())
        kit = Kit(db=db, bus=Loopback(strict=self.strict_bus), clock=self.clock, ids=self.ids, metrics=metrics,
                  region=self.config.api.region, sagas=sagas, ticker=Ticker(self.clock, self.ids), policy=Policy(POLICY, overrides))
        metrics.gauge("pileus_sagas_running", "Long operations being carried out", lambda: len(kit.sagas.running))
        return kit

    async def _services(self) -> Services:
        config, kit = self.config, self.kit
        identity = Identity(kit, config.identity, self.state)
        images = Images(kit, config.image, self.state, identity=identity)
        placement = Placement(kit, config.placement)
        network = Network(kit, config.network)
        compute = Compute(kit, config.compute, images=images, placement=placement, network=network, identity=identity)
        for service in (identity, images, placement, network, compute):
            await service.start()
        return Services(identity=identity, image=images, placement=placement, compute=compute, network=network, kit=kit)

    def _objects(self) -> ObjectStore | None:
        """The object store: a data plane of its own, which only asks identity who holds a token."""
        config = self.config.object_store
        if not config.enabled:
            return None
        identity = self.services.identity

        async def identify(token: str, service_token: str | None = None, *, request_id: str = "", method: str, path: str) -> Context:
            who = await identity.authenticate(token, service_token, request_id=request_id)
            await identity.admit(who, "object-store", "", method, path)
            return who

        async def signers(access: str, signed: Signed, *, request_id: str = "") -> Signer | None:
            found = await identity.ec2.signer(access)
            if found is None:
                return None
            return Signer(secret=found[0], who=msgspec.structs.replace(found[1].context, request_id=request_id))

        return ObjectStore(config, self.state / "object_store", self.clock, self.ids, identify, signers=signers)

    def _is_for_objects(self, scope: dict) -> bool:
        config = self.config.object_store
        logs_in = config.temp_auth.users and scope["path"].startswith(config.temp_auth.auth_prefix)
        return is_for_objects(scope, config.s3.storage_domains) or bool(logs_in) or is_remapped(scope, config.domain_remap.storage_domains)

    def _periodic(self) -> None:
        tasks = [("identity", self.services.identity, IDENTITY_TASKS), ("image", self.services.image, IMAGE_TASKS),
                 ("compute", self.services.compute, COMPUTE_TASKS), ("network", self.services.network, NETWORK_TASKS)]
        for name, service, periodic in tasks:
            self.kit.ticker.add(name, service, periodic)
        if self.objects:
            self.kit.ticker.add("object store", self.objects, OBJECT_TASKS)


OBJECT_STORE_PAGES = frozenset({"/v1", "/v1.0", "/healthcheck", "/crossdomain.xml"})


def is_for_objects(scope: dict, s3_domains: list[str]) -> bool:
    """Whether a request is the object store's: by its path, or because it is S3's."""
    path = scope["path"]
    return path.startswith(("/v1/", "/v1.0/", "/info")) or path in OBJECT_STORE_PAGES or is_for_s3(scope, s3_domains)


async def _prepare(db: Database) -> None:
    """Make the schema of an empty database at once; migrate one that has tables."""
    from pileus.migrations import prepare

    await prepare(db)


async def serve(cloud: Cloud, ready: Callable[[], None], until: asyncio.Event) -> None:
    """Answer HTTP until the event is set."""
    from pileus.core.http.server import Server

    host, _, port = cloud.config.api.listen.rpartition(":")
    server = Server(cloud.app, host, int(port))
    await server.start()
    try:
        await server.listening()
        ready()
        await until.wait()
    finally:
        await server.stop()

