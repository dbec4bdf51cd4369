"""What a new server asks for: the statuses are those of the compute API."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.errors import Conflict, Forbidden, Invalid


class RequestedNetworkNotFound(Invalid):
    code, message = "plan.network_not_found", "Network {network_id} could not be found."


class RequestedPortNotFound(Invalid):
    code, message = "plan.port_not_found", "Port id {port_id} could not be found."


class RequestedSecurityGroupNotFound(Invalid):
    code, message = "plan.security_group_not_found", "Security group {name} not found for project {project_id}."


class NetworkAmbiguous(Conflict):
    code, message = "plan.ambiguous", "Multiple possible networks found, use a Network ID to be more specific."


class NetworkRequiresSubnet(Invalid):
    code, message = "plan.no_subnet", "Network {network_id} requires a subnet in order to boot instances on."


class PortRequiresFixedIP(Invalid):
    code, message = "plan.no_fixed_ip", "Port {port_id} requires a FixedIP in order to be used."


class ExternalNetworkAttachForbidden(Forbidden):
    code, message = "plan.external_network", "It is not allowed to create an interface on external network {network_id}."


class FixedIpNotValid(Invalid):
    code, message = "plan.fixed_ip_invalid", "Fixed IP {ip} is not a valid ip address for network {network_id}."


class FixedIpAlreadyInUse(Invalid):
    code, message = "plan.fixed_ip_in_use", "Fixed IP address {ip} is already in use on instance."


class NoNetworkToAllocate(Invalid):
    code, message = "plan.nothing_to_allocate", "Unable to automatically allocate a network for project {project_id}."


class SecurityGroupAmbiguous(Conflict):
    code, message = "security_group.ambiguous", "Multiple security groups found matching '{name}'. Use an ID to be more specific."
