"""The configuration that tells Tempest about one cloud."""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import string
from pathlib import Path

from conformance import disks
from conformance.cloud import Cloud
from conformance.prepare import OTHER_IMAGE_SERVICE, Prepared, prepare
from conformance.variants import USUAL, Variant
from conformance.web import Web

TEMPLATE = Path(__file__).resolve().parent / "tempest.conf.in"


def configure(cloud: Cloud, web: Web, variant: Variant = USUAL) -> Path:
    """Prepare the cloud, and write the configuration that describes it; answers its path."""
    auth = cloud.credentials("pileus-admin")
    workspace = cloud.state / "tempest"
    (workspace / "lock").mkdir(parents=True)
    path = workspace / "tempest.conf"
    features = variant.features | {"images_manifest": str(disks.make(workspace / "disks"))}
    path.write_text(configuration(auth, prepare(auth["auth_url"], auth), web, workspace, features))
    return path


def configuration(auth: dict[str, str], found: Prepared, web: Web, workspace: Path, features: dict[str, str]) -> str:
    """The text of tempest.conf. A service that is not in the catalog is not tested."""
    offered = {
        "nova": "compute" in found.services, "neutron": "network" in found.services, "glance": "image" in found.services,
        "cinder": bool({"block-storage", "volumev3"} & found.services), "swift": "object-store" in found.services,
    }
    return string.Template(TEMPLATE.read_text()).substitute(
        {name: str(there).lower() for name, there in offered.items()} | features,
        workspace=workspace, identity_url=auth["auth_url"],
        admin_username=auth["username"], admin_password=auth["password"].replace("$", "$$"),
        admin_project_name=auth["project_name"],
        other_image_service=OTHER_IMAGE_SERVICE, http_image=web.raw, http_qcow2_image=web.qcow2,
        image=found.images[0], image_alt=found.images[1], flavor=found.flavors[0], flavor_alt=found.flavors[1],
        public_network=found.public_network, network_extensions=",".join(found.extensions),
        compute_nodes=found.compute_nodes, many_hosts=str(found.compute_nodes > 1).lower(),
    )
