"""Answers of the metadata service: which path shows what, for one server."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.compute.metadata import documents
from pileus.compute.metadata.documents import Address, Interface
from pileus.compute.metadata.vendor import vendor_data
from pileus.compute.model.server import Server
from pileus.network.datapath.base import tap_name
from pileus.network.metadata.model import MetadataRequest, MetadataResponse


async def interfaces_of(server: Server, network: Any) -> list[Interface]:
    """The server's network interfaces, in its order."""
    ports = {p.id: p for p in (await network.ports_of_devices([server.id])).get(server.id, ())}
    subnets = await network.subnets_by_id({a.subnet_id for p in ports.values() for a in p.addresses})
    order = [nic.port_id for nic in server.nics if nic.port_id in ports]
    return [_interface(ports[id], subnets) for id in [*order, *(ports.keys() - set(order))]]


def _interface(port: Any, subnets: dict[str, Any]) -> Interface:
    known = [(a.ip, subnets[a.subnet_id]) for a in port.addresses if a.subnet_id in subnets]
    return Interface(
        port_id=port.id, network_id=port.network_id, mac=port.mac_address, mtu=port.mtu, device=tap_name(port.id),
        addresses=tuple(Address(ip=ip, cidr=s.cidr, gateway=s.gateway_ip, dhcp=s.enable_dhcp, dns=s.dns_nameservers) for ip, s in known),
        floating_ips=tuple(floating for _, floating in port.floating_ips), security_groups=port.security_groups)


#: Where a guest says, once, what its password is: encrypted for the owner of its key pair.
PASSWORD = "password"
PASSWORD_BYTES = 1020


class Metadata:
    """Serves `MetadataAnswers`: who asks is who has the address, which anti-spoofing makes sure of."""

    def __init__(self, *, servers: Any, network: Any, vendor_file: str = ""):
        self.servers, self.network, self.vendor_file = servers, network, vendor_file

    async def answer(self, request: MetadataRequest) -> MetadataResponse:
        port = await self.network.port_at(request.source_ip, network_id=request.network_id, router_id=request.router_id)
        server = await self.servers.find(port.device_id) if port is not None and port.device_id else None
        if server is None or server.deleted_at is not None:
            status, kind, body = _missing()
        elif request.method != "GET":
            status, kind, body = await self._take(server.id, request)
        else:
            status, kind, body = await answer(server, self.network, request.path, vendor_data(self.vendor_file))
        return MetadataResponse(status=status, content_type=kind, body=body)

    async def _take(self, server_id: str, request: MetadataRequest) -> tuple[int, str, bytes]:
        """What a guest has to say: its password, and nothing else. What was said once stays until its owner clears it."""
        parts = _parts(request.path)
        if len(parts) != 3 or parts[0] != "openstack" or parts[1] not in documents.VERSIONS or parts[2] != PASSWORD:
            return 405, "text/plain", b"405 Method Not Allowed"
        if not 0 < len(request.body) <= PASSWORD_BYTES or not request.body.isascii():
            return 400, "text/plain", b"400 Bad Request: a password is text of up to 1020 bytes."
        said = await self.servers.set_once(server_id, PASSWORD, request.body.decode())
        return (200, "text/plain", b"") if said else (409, "text/plain", b"409 Conflict")


async def answer(server: Server, network: Any, path: str, vendor: bytes) -> tuple[int, str, bytes]:
    """(status, content type, body) for a path asked by the server's own guest."""
    parts = _parts(path)
    interfaces = await interfaces_of(server, network)
    if parts[:1] == ["openstack"]:
        said = server.system_metadata.get(PASSWORD, "").encode()
        return _openstack(parts[1:], documents.openstack(server, interfaces, vendor=vendor) | {PASSWORD: said})
    if not parts:
        return _listing([*documents.EC2_VERSIONS])
    if parts[0] in documents.EC2_VERSIONS:
        return _ec2(parts[1:], server, interfaces)
    return _missing()


def _parts(path: str) -> list[str]:
    return [p for p in path.split("?")[0].split("/") if p]


def _openstack(parts: list[str], files: dict[str, bytes]) -> tuple[int, str, bytes]:
    if not parts:
        return _listing([*documents.VERSIONS])
    if parts[0] not in documents.VERSIONS:
        return _missing()
    if len(parts) == 1:
        return _listing(sorted(files))
    if len(parts) == 2 and parts[1] in files:
        kind = "application/json" if parts[1].endswith(".json") else "application/octet-stream"
        return 200, kind, files[parts[1]]
    return _missing()


def _ec2(parts: list[str], server: Server, interfaces: list[Interface]) -> tuple[int, str, bytes]:
    files = documents.openstack(server, interfaces)
    if not parts:
        return _listing(["meta-data/", *(["user-data"] if "user_data" in files else [])])
    if parts == ["user-data"]:
        return (200, "application/octet-stream", files["user_data"]) if "user_data" in files else _missing()
    if parts[0] != "meta-data":
        return _missing()
    found: Any = documents.ec2(server, interfaces)
    for part in parts[1:]:
        if not isinstance(found, dict) or part not in found or part == "_name":
            return _missing()
        found = found[part]
    if isinstance(found, dict):
        return _listing([_entry(name, value) for name, value in found.items() if name != "_name"])
    return 200, "text/plain", found.encode()


def _entry(name: str, value: Any) -> str:
    """Folders end in a slash, except key pairs, which show their names."""
    if isinstance(value, dict):
        return value.get("_name", name + "/")
    return name


def _listing(names: list[str]) -> tuple[int, str, bytes]:
    return 200, "text/plain", "\n".join(names).encode()


def _missing() -> tuple[int, str, bytes]:
    return 404, "text/plain", b"404 Not Found"
