"""What upstream's fixtures call, done by our service: they make providers, inventories and claims before a file begins.

Upstream's module is read for its fixture classes; those of its classes that start upstream's own server are replaced.
"""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ast
import os
import types
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import os_resource_classes
import os_traits
from gabbi import fixture

from conformance.gabbits.service import Placement
from pileus.placement.model import Inventory
from pileus.placement.policy import DEFAULTS

REPLACED = ("APIFixture", "CORSFixture", "OpenPolicyFixture", "LazyWSGIApp")
#: Ids that the files take from the environment.
FRESH = ("RP_UUID", "RP_NAME", "RP_UUID1", "RP_NAME1", "RP_UUID2", "RP_NAME2", "PROJECT_ID", "ADMIN_PROJECT_ID", "SERVICE_PROJECT_ID",
         "USER_ID", "PROJECT_ID_ALT", "USER_ID_ALT", "INSTANCE_UUID", "MIGRATION_UUID", "CONSUMER_UUID", "PARENT_PROVIDER_UUID",
         "ALT_PARENT_PROVIDER_UUID")
CLASSES = {"CUSTOM_RES_CLASS": "CUSTOM_IRON_NFV", "CUSTOM_RES_CLASS1": "CUSTOM_IRON_NFV1", "CUSTOM_RES_CLASS2": "CUSTOM_IRON_NFV2"}
#: Upstream's rule before "secure RBAC", which most of its files are written for.
LEGACY = {"placement:reshaper:reshape": "role:admin or role:service"}


class Sentinels:
    """`uuids.anything` is a UUID, the same one each time."""

    def __init__(self) -> None:
        self.made: dict[str, str] = {}

    def __getattr__(self, name: str) -> str:
        return self.made.setdefault(name, str(uuid.uuid4()))


class Provider:
    def __init__(self, placement: Placement, id: str):
        self.placement, self.uuid = placement, id

    def set_aggregates(self, aggregates: list[str]) -> None:
        self.placement.run(self.placement.service.set_aggregates(self.uuid, set(aggregates)))


class Base:
    """Upstream's helpers of database tests, by their names."""

    def __init__(self, placement: Placement, uuids: Sentinels):
        self.placement, self.uuids = placement, uuids

    def create_provider(self, context: Any, name: str, *aggregates: str, parent: str | None = None, uuid: str | None = None) -> Provider:
        id = uuid or getattr(self.uuids, name)
        self.placement.run(self.placement.service.ensure_provider(id, name, parent))
        made = Provider(self.placement, id)
        if aggregates:
            made.set_aggregates(list(aggregates))
        return made

    def add_inventory(self, provider: Provider, resource_class: str, total: int, **more: Any) -> None:
        run, service = self.placement.run, self.placement.service
        have = {name: Inventory(**{field: getattr(stock, field) for field in Inventory.__struct_fields__})
                for name, stock in run(service.inventory(provider.uuid)).items()}
        if resource_class.startswith("CUSTOM_"):
            run(service.ensure_class(resource_class))
        run(service.set_inventory(provider.uuid, have | {resource_class: Inventory(total=total, **{"max_unit": total} | more)}))

    def set_traits(self, provider: Provider, *traits: str) -> None:
        self.placement.run(self.placement.service.set_traits(provider.uuid, set(traits)))

    def create_user_and_project(self, context: Any, prefix: str = "fake") -> tuple[SimpleNamespace, SimpleNamespace]:
        return SimpleNamespace(external_id=f"{prefix}-user"), SimpleNamespace(external_id=f"{prefix}-project")

    def ensure_consumer(self, context: Any, user: Any, project: Any, consumer_id: str | None = None) -> SimpleNamespace:
        return SimpleNamespace(uuid=consumer_id or str(uuid.uuid4()), user=user, project=project)

    def set_allocation(self, context: Any, provider: Provider, consumer: Any, amounts: dict[str, int]) -> None:
        self.placement.run(self.placement.service.claim(
            consumer.uuid, {provider.uuid: amounts}, project_id=consumer.project.external_id, user_id=consumer.user.external_id,
            consumer_type=None))


def fixtures(source: Path, placement: Placement) -> types.ModuleType:
    """Upstream's fixtures, over our service, as a module."""
    uuids = Sentinels()
    module = types.ModuleType("gabbits_fixtures")

    class APIFixture(fixture.GabbiFixture):
        context = None
        _secure_rbac = False
        rules: dict[str, str] = LEGACY

        def start_fixture(self) -> None:
            uuids.made.clear()
            os.environ.update({name: str(uuid.uuid4()) for name in FRESH} | CLASSES)
            placement.start({} if self._secure_rbac else self.rules)

        def stop_fixture(self) -> None:
            """The next file's `start_fixture` begins with an empty database."""

    class OpenPolicyFixture(APIFixture):
        rules = dict.fromkeys(DEFAULTS, "@")

    class Entity(SimpleNamespace):
        def create(self) -> None:
            if name := getattr(self, "name", None):
                placement.run(placement.service.ensure_class(name))

    made = types.SimpleNamespace(User=lambda context=None, **f: Entity(**f), Project=lambda context=None, **f: Entity(**f),
                                 ResourceClass=lambda context=None, **f: Entity(**f))
    module.__dict__.update(
        APIFixture=APIFixture, OpenPolicyFixture=OpenPolicyFixture, tb=Base(placement, uuids), orc=os_resource_classes, ot=os_traits, os=os,
        uuids=uuids, uuidutils=SimpleNamespace(generate_uuid=lambda: str(uuid.uuid4())), user_obj=made, project_obj=made, rc_obj=made)
    tree = ast.parse(source.read_text())
    tree.body = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name not in REPLACED]
    exec(compile(tree, str(source), "exec"), module.__dict__)
    return module
