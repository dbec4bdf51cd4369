"""Networks and subnets."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.errors import Conflict, Invalid, NotFound, Unavailable


class NetworkNotFound(NotFound):
    code, message = "network.not_found", "Network {network_id} could not be found."


class NetworkInUse(Conflict):
    code = "network.in_use"
    message = "Unable to complete operation on network {network_id}. There are one or more ports still in use on the network."


class InvalidSharedSetting(Conflict):
    code, message = (
        "network.invalid_shared_setting",
        "Unable to change the sharing of network {network_id}. Other projects are using it.",
    )


class ExternalNetworkInUse(Conflict):
    code, message = (
        "network.external_in_use",
        "External network {network_id} cannot be made internal: routers have their gateway on it.",
    )


class TunnelIdInUse(Conflict):
    code, message = "network.tunnel_id_in_use", "Unable to create the network. The tunnel ID {tunnel_id} is in use."


class FlatNetworkInUse(Conflict):
    code, message = "network.flat_in_use", "Unable to create the flat network. Physical network {physical_network} is in use."


class NoNetworkAvailable(Unavailable):
    code, message = "network.none_available", "Unable to create the network. No project network is available for allocation."


class SubnetNotFound(NotFound):
    code, message = "subnet.not_found", "Subnet {subnet_id} could not be found."


class SubnetInUse(Conflict):
    code = "subnet.in_use"
    message = "Unable to complete operation on subnet {subnet_id}: One or more ports have an IP allocation from this subnet."


class InvalidAllocationPool(Invalid):
    code, message = "subnet.invalid_pool", "The allocation pool {pool} is not valid."


class OutOfBoundsAllocationPool(Invalid):
    code, message = "subnet.pool_out_of_bounds", "The allocation pool {pool} spans beyond the subnet cidr {cidr}."


class OverlappingAllocationPools(Conflict):
    code, message = "subnet.pools_overlap", "Found overlapping allocation pools: {one} {other} for subnet {cidr}."


class GatewayConflictWithAllocationPools(Conflict):
    code, message = "subnet.gateway_in_pool", "Gateway ip {ip} conflicts with allocation pool {pool}."


class GatewayIpInUse(Conflict):
    code, message = "subnet.gateway_in_use", "Current gateway ip {ip} already in use by port {port_id}. Unable to update."


class HostRoutesExhausted(Invalid):
    code, message = (
        "subnet.host_routes_exhausted",
        "Unable to complete operation for {subnet_id}. The number of host routes exceeds the limit {limit}.",
    )


class DNSNameServersExhausted(Invalid):
    code, message = (
        "subnet.nameservers_exhausted",
        "Unable to complete operation for {subnet_id}. The number of DNS nameservers exceeds the limit {limit}.",
    )


class NetworkMTUSubnetConflict(Conflict):
    code, message = "network.mtu_conflict", "MTU of {network_id} is not valid, subnet requires a minimum of {least} MTU."
