"""Ports and addresses."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.errors import Conflict, Invalid, NotFound, Unavailable


class PortNotFound(NotFound):
    code, message = "port.not_found", "Port {port_id} could not be found."


class PortInUse(Conflict):
    code = "port.in_use"
    message = (
        "Unable to complete operation on port {port_id} for network {network_id}. Port already has an attached device {device_id}."
    )


class ServicePortInUse(Conflict):
    code, message = "port.service", "Port {port_id} cannot be deleted directly via the port API: {why}."


class UnsupportedPortDeviceOwner(Conflict):
    code, message = "port.unsupported_owner", "Operation {op} is not supported for device_owner {device_owner} on port {port_id}."


class DeviceIDNotOwnedByTenant(Conflict):
    code = "port.foreign_device"
    message = "The following device_id {device_id} is not owned by your project or matches another project's router."


class PortBound(Conflict):
    code = "port.bound"
    message = "Unable to complete operation on port {port_id}, port is already bound, old_mac {old_mac}, new_mac {new_mac}."


class MacAddressInUse(Conflict):
    code, message = "port.mac_in_use", "Unable to complete operation for network {network_id}. The mac address {mac} is in use."


class MacAddressGenerationFailure(Unavailable):
    code, message = "port.no_mac", "Unable to generate unique mac on network {network_id}."


class InvalidIpForNetwork(Invalid):
    code, message = "port.ip_not_of_network", "IP address {ip} is not a valid IP for any of the subnets on the specified network."


class InvalidIpForSubnet(Invalid):
    code, message = "port.ip_not_of_subnet", "IP address {ip} is not a valid IP for the specified subnet."


class IpAddressAlreadyAllocated(Conflict):
    code, message = "port.ip_allocated", "IP address {ip} already allocated in subnet {subnet_id}."


class IpAddressGenerationFailure(Conflict):
    code, message = "port.no_ip", "No more IP addresses available on network {network_id}."


class AllocationOnAutoAddressSubnet(Invalid):
    code = "port.auto_address"
    message = (
        "IPv6 address {ip} cannot be directly assigned to a port on subnet {subnet_id} as the subnet is configured for "
        "automatic addresses."
    )


class AddressPairAndPortSecurityRequired(Conflict):
    code, message = "port.pairs_need_security", "Port Security must be enabled in order to have allowed address pairs on a port."


class DuplicateAddressPairInRequest(Invalid):
    code, message = "port.duplicate_pair", "Request contains duplicate address pair: mac_address {mac} ip_address {ip}."


class AllowedAddressPairExhausted(Invalid):
    code, message = "port.pairs_exhausted", "The number of allowed address pair exceeds the maximum {limit}."


class PortSecurityPortHasSecurityGroup(Conflict):
    code = "port.has_groups"
    message = "Port has security group associated. Cannot disable port security or ip address until security group is removed."


class PortSecurityAndIPRequiredForSecurityGroups(Invalid):
    code = "port.groups_need_security"
    message = "Port security must be enabled and port must have an IP address in order to use security groups."
