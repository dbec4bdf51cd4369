"""Subnet pools and address scopes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.errors import Conflict, Invalid, NotFound


class SubnetPoolNotFound(NotFound):
    code, message = "subnetpool.not_found", "Subnet pool {subnetpool_id} could not be found."


class SubnetPoolDeleteError(Invalid):
    code, message = "subnetpool.delete_error", "Unable to delete subnet pool: Subnet pool has existing allocations."


class EmptySubnetPoolPrefixList(Invalid):
    code, message = "subnetpool.empty", "Empty subnet pool prefix list."


class PrefixVersionMismatch(Invalid):
    code, message = "subnetpool.version_mismatch", "Cannot mix IPv4 and IPv6 prefixes in a subnet pool."


class IllegalSubnetPoolPrefixBounds(Invalid):
    code, message = "subnetpool.illegal_bounds", "Illegal prefix bounds: {one}={one_value}, {other}={other_value}."


class IllegalSubnetPoolPrefixUpdate(Invalid):
    code, message = "subnetpool.illegal_prefixes", "Illegal update to prefixes: {why}."


class IllegalSubnetPoolUpdate(Invalid):
    code, message = "subnetpool.illegal_update", "Illegal subnetpool update : {why}."


class SubnetAllocationError(Conflict):
    code, message = "subnetpool.exhausted", "Failed to allocate subnet: {why}."


class MinPrefixSubnetAllocationError(Invalid):
    code = "subnetpool.min_prefix"
    message = "Unable to allocate subnet with prefix length {prefixlen}, minimum allowed prefix is {limit}."


class MaxPrefixSubnetAllocationError(Invalid):
    code = "subnetpool.max_prefix"
    message = "Unable to allocate subnet with prefix length {prefixlen}, maximum allowed prefix is {limit}."


class SubnetPoolQuotaExceeded(Conflict):
    code, message = "subnetpool.over_quota", "Per-project subnet pool prefix quota exceeded."


class NetworkSubnetPoolAffinityError(Invalid):
    code, message = "subnetpool.affinity", "Subnets hosted on the same network must be allocated from the same subnet pool."


class AddressScopeNotFound(NotFound):
    code, message = "address_scope.not_found", "Address scope {address_scope_id} could not be found."


class AddressScopeInUse(Conflict):
    code, message = (
        "address_scope.in_use",
        "Unable to complete operation on address scope {address_scope_id}. Subnet pools are associated with it.",
    )


class AddressScopeUpdateError(Invalid):
    code, message = "address_scope.update_error", "Unable to update address scope {address_scope_id} : cannot unshare it."


class AddressScopePrefixConflict(Conflict):
    code, message = (
        "address_scope.prefix_conflict",
        "Failed to associate address scope: prefixes of its subnet pools must not overlap.",
    )


class IllegalSubnetPoolAssociationToAddressScope(Invalid):
    code = "address_scope.illegal_association"
    message = (
        "Illegal subnetpool association: subnetpool {subnetpool_id} cannot be associated with address scope {address_scope_id}."
    )
