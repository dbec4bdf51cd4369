"""The documents, as pure functions of a server and its network interfaces."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
from typing import Any

import msgspec

from pileus.compute.model.server import Server

#: Versions of the OpenStack format that can be asked for; all show the newest documents.
VERSIONS = ("2012-08-10", "2013-04-04", "2013-10-17", "2015-10-15", "2016-06-30",
            "2016-10-06", "2017-02-22", "2018-08-27", "2020-10-14", "latest")
EC2_VERSIONS = ("1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10",
                "2007-12-15", "2008-02-01", "2008-09-01", "2009-04-04", "latest")
DHCP_DOMAIN = "novalocal"


class Address(msgspec.Struct, frozen=True, kw_only=True):
    ip: str
    cidr: str
    gateway: str | None = None
    dhcp: bool = True
    dns: tuple[str, ...] = ()


class Interface(msgspec.Struct, frozen=True, kw_only=True):
    """A network interface with what its guest has to know to use it."""

    port_id: str
    network_id: str
    mac: str
    mtu: int
    device: str                             # name of the tap device, by which hosts call the link
    addresses: tuple[Address, ...] = ()
    floating_ips: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()


def hostname(server: Server) -> str:
    return server.hostname if "." in server.hostname else f"{server.hostname}.{DHCP_DOMAIN}"


def meta_data(server: Server, *, admin_pass: str | None = None, files: dict[str, bytes] | None = None) -> dict[str, Any]:
    """`meta_data.json`. The seed is the server's own and stays the same, so that every answer is the same."""
    data: dict[str, Any] = {
        "uuid": server.id, "hostname": hostname(server), "name": server.name, "launch_index": server.launch_index,
        "availability_zone": server.availability_zone or "", "project_id": server.project_id, "meta": server.metadata, "devices": [],
        "dedicated_cpus": [], "random_seed": _seed(server),
    }
    if server.public_key and server.key_name:
        data["public_keys"] = {server.key_name: server.public_key}
        data["keys"] = [{"name": server.key_name, "type": "ssh", "data": server.public_key}]
    if admin_pass:
        data["admin_pass"] = admin_pass
    if files:
        data["files"] = [{"path": path, "content_path": f"/content/{i:04d}"} for i, path in enumerate(files)]
    return data


def _seed(server: Server) -> str:
    return base64.b64encode(hashlib.sha512(f"seed {server.id} {server.reservation_id}".encode()).digest()).decode()


def network_data(interfaces: list[Interface]) -> dict[str, Any]:
    """`network_data.json`: links, networks on them, and name servers."""
    links: list[dict[str, Any]] = []
    networks: list[dict[str, Any]] = []
    services: dict[str, dict[str, Any]] = {}
    for interface in interfaces:
        links.append({"id": interface.device, "vif_id": interface.port_id, "type": "bridge", "mtu": interface.mtu,
                      "ethernet_mac_address": interface.mac})
        for address in interface.addresses:
            networks.append(_network(f"network{len(networks)}", interface, address))
            services |= {dns: {"type": "dns", "address": dns} for dns in address.dns}
    return {"links": links, "networks": networks, "services": list(services.values())}


def _network(name: str, interface: Interface, address: Address) -> dict[str, Any]:
    block = ipaddress.ip_network(address.cidr)
    kind = f"ipv{block.version}"
    entry: dict[str, Any] = {"id": name, "link": interface.device, "network_id": interface.network_id}
    if address.dhcp:
        return entry | {"type": f"{kind}_dhcp"}
    every = "0.0.0.0" if block.version == 4 else "::"
    routes = [{"network": every, "netmask": every, "gateway": address.gateway}] if address.gateway else []
    return entry | {"type": kind, "ip_address": address.ip, "netmask": str(block.netmask), "routes": routes,
                    "services": [{"type": "dns", "address": dns} for dns in address.dns]}


def openstack(server: Server, interfaces: list[Interface], *, admin_pass: str | None = None,
              files: dict[str, bytes] | None = None, vendor: bytes = b"{}") -> dict[str, bytes]:
    """File name → content of one version's folder. `vendor` is what the operator tells every guest."""
    found = {"meta_data.json": _json(meta_data(server, admin_pass=admin_pass, files=files)),
             "network_data.json": _json(network_data(interfaces)), "vendor_data.json": vendor, "vendor_data2.json": b"{}"}
    if server.user_data:
        found["user_data"] = base64.b64decode(server.user_data)
    return found


def ec2(server: Server, interfaces: list[Interface]) -> dict[str, Any]:
    """The tree below `meta-data/`: a name leads to text or to another tree."""
    fixed = [a.ip for i in interfaces for a in i.addresses if ":" not in a.ip]
    floating = [ip for i in interfaces for ip in i.floating_ips]
    groups = list(dict.fromkeys(name for i in interfaces for name in i.security_groups)) or ["default"]
    tree: dict[str, Any] = {
        "ami-id": f"ami-{_short(server.image_id or '')}", "ami-launch-index": str(server.launch_index),
        "block-device-mapping": {"ami": "vda", "root": "/dev/vda"}, "hostname": hostname(server), "instance-action": "none",
        "instance-id": f"i-{server.number:08x}", "instance-type": server.flavor.name, "local-hostname": hostname(server),
        "local-ipv4": fixed[0] if fixed else "", "placement": {"availability-zone": server.availability_zone or ""},
        "public-hostname": hostname(server), "public-ipv4": floating[0] if floating else "", "reservation-id": server.reservation_id,
        "security-groups": "\n".join(groups),
    }
    if interfaces:
        tree["mac"] = interfaces[0].mac
    if server.public_key and server.key_name:
        tree["public-keys"] = {"0": {"_name": f"0={server.key_name}", "openssh-key": server.public_key}}
    return tree


def config_drive(server: Server, interfaces: list[Interface], *, admin_pass: str | None, files: dict[str, bytes],
                 vendor: bytes = b"{}") -> dict[str, bytes]:
    """Path → content of the whole drive."""
    drive = {f"openstack/latest/{name}": content
             for name, content in openstack(server, interfaces, admin_pass=admin_pass, files=files, vendor=vendor).items()}
    drive |= {f"openstack/content/{i:04d}": content for i, content in enumerate(files.values())}
    drive["ec2/latest/meta-data.json"] = _json(_plain(ec2(server, interfaces)))
    if server.user_data:
        drive["ec2/latest/user-data"] = base64.b64decode(server.user_data)
    return drive


def _plain(tree: Any) -> Any:
    return {k: _plain(v) for k, v in tree.items() if k != "_name"} if isinstance(tree, dict) else tree


def _short(id: str) -> str:
    return hashlib.sha256(id.encode()).hexdigest()[:8]


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()
