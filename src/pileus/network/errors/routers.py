"""Routers and floating IPs."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.errors import Conflict, Invalid, NotFound


class RouterNotFound(NotFound):
    code, message = "router.not_found", "Router {router_id} could not be found."


class RouterInUse(Conflict):
    code, message = "router.in_use", "Router {router_id} still has ports."


class RouterInterfaceNotFound(NotFound):
    code, message = "router.no_interface", "Router {router_id} does not have an interface with id {port_id}."


class RouterInterfaceNotFoundForSubnet(NotFound):
    code, message = "router.no_interface_for_subnet", "Router {router_id} has no interface on subnet {subnet_id}."


class RouterInterfaceInUseByFloatingIP(Conflict):
    code = "router.interface_has_floating_ip"
    message = (
        "Router interface for subnet {subnet_id} on router {router_id} cannot be deleted, as it is required by one or "
        "more floating IPs."
    )


class RouterInterfaceInUseByRoute(Conflict):
    code = "router.interface_has_route"
    message = (
        "Router interface for subnet {subnet_id} on router {router_id} cannot be deleted, as it is required by one or more routes."
    )


class RouterExternalGatewayInUseByFloatingIp(Conflict):
    code = "router.gateway_has_floating_ip"
    message = (
        "Gateway cannot be updated for router {router_id}, since a gateway to external network {network_id} is "
        "required by one or more floating IPs."
    )


class SubnetMismatchForPort(Invalid):
    code, message = "router.subnet_mismatch", "Subnet on port {port_id} does not match the requested subnet {subnet_id}."


class InvalidRoutes(Invalid):
    code, message = "router.invalid_routes", "Invalid format for routes: {routes}, {why}"


class RoutesExhausted(Invalid):
    code, message = (
        "router.routes_exhausted",
        "Unable to complete operation for {router_id}. The number of routes exceeds the maximum {limit}.",
    )


class FloatingIPNotFound(NotFound):
    code, message = "floatingip.not_found", "Floating IP {floatingip_id} could not be found."


class ExternalGatewayForFloatingIPNotFound(NotFound):
    code = "floatingip.unreachable"
    message = (
        "External network {network_id} is not reachable from subnet {subnet_id}. Therefore, cannot associate Port "
        "{port_id} with a Floating IP."
    )


class FloatingIPPortAlreadyAssociated(Conflict):
    code = "floatingip.associated"
    message = (
        "Cannot associate floating IP {floating} with port {port_id} using fixed IP {fixed}, as that fixed IP already "
        "has a floating IP on external network {network_id}."
    )


class ExternalIpAddressExhausted(Invalid):
    code, message = "floatingip.exhausted", "Unable to find any IP address on external network {network_id}."
