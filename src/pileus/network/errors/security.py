"""Security groups."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.errors import Conflict, Invalid, NotFound


class SecurityGroupNotFound(NotFound):
    code, message = "security_group.not_found", "Security group {security_group_id} does not exist"


class SecurityGroupRuleNotFound(NotFound):
    code, message = "security_group.rule_not_found", "Security group rule {rule_id} does not exist"


class SecurityGroupInUse(Conflict):
    code, message = "security_group.in_use", "Security Group {security_group_id} in use."


class SecurityGroupCannotRemoveDefault(Conflict):
    code, message = "security_group.default_removed", "Insufficient rights for removing default security group."


class SecurityGroupCannotUpdateDefault(Conflict):
    code, message = "security_group.default_updated", "Updating default security group not allowed."


class SecurityGroupDefaultAlreadyExists(Conflict):
    code, message = "security_group.default_exists", "Default security group already exists."


class SecurityGroupRuleExists(Conflict):
    code, message = "security_group.rule_exists", "Security group rule already exists. Rule id is {rule_id}."


class DuplicateSecurityGroupRuleInPost(Conflict):
    code, message = "security_group.rule_twice", "Duplicate Security Group Rule in POST."


class SecurityGroupRuleInvalidProtocol(Invalid):
    code, message = (
        "security_group.protocol",
        "Security group rule protocol {protocol} not supported. Only protocol names and integers from 0 to 255 are.",
    )


class SecurityGroupRuleInvalidEtherType(Invalid):
    code, message = (
        "security_group.ethertype",
        "Security group rule for ethertype '{ethertype}' not supported. Allowed values are ['IPv4', 'IPv6'].",
    )


class SecurityGroupRuleParameterConflict(Invalid):
    code, message = "security_group.parameter_conflict", "Conflicting value ethertype {ethertype} for CIDR {cidr}"


class SecurityGroupEthertypeConflictWithProtocol(Invalid):
    code, message = "security_group.ethertype_conflict", "Invalid ethertype {ethertype} for protocol {protocol}."


class SecurityGroupRemoteGroupAndRemoteIpPrefix(Invalid):
    code, message = "security_group.two_remotes", "Only one of remote_ip_prefix or remote_group_id may be provided."


class SecurityGroupProtocolRequiredWithPorts(Invalid):
    code, message = "security_group.protocol_required", "Must also specify protocol if port range is given."


class SecurityGroupInvalidPortRange(Invalid):
    code, message = "security_group.port_range", "For TCP/UDP protocols, port_range_min must be <= port_range_max"


class SecurityGroupInvalidProtocolForPort(Invalid):
    code, message = (
        "security_group.portless",
        "Ports cannot be specified for protocol {protocol}. Ports are only supported for {supported}.",
    )


class SecurityGroupInvalidPortValue(Invalid):
    code, message = "security_group.port_value", "Invalid value for port {port}"


class SecurityGroupInvalidIcmpValue(Invalid):
    code, message = "security_group.icmp_value", "Invalid value for ICMP {field} ({attr}) {value}. It must be 0 to 255."


class SecurityGroupMissingIcmpType(Invalid):
    code = "security_group.icmp_type_missing"
    message = "ICMP code (port-range-max) {value} is provided but ICMP type (port-range-min) is missing."
