"""Security groups in compute's old form: `os-security-groups` and its rules, proxies of the network service until 2.36."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any


def show_group(group: Any) -> dict[str, Any]:
    """A group with its IPv4 ingress rules, the only ones the old form knows."""
    rules = [show_rule(r, group) for r in group.rules if r.direction == "ingress" and r.ethertype == "IPv4"]
    return {"id": group.id, "name": group.name, "description": group.description or "", "tenant_id": group.project_id, "rules": rules}


def show_rule(rule: Any, group: Any) -> dict[str, Any]:
    remote = {"name": group.name, "tenant_id": group.project_id} if rule.remote_group_id else {}
    block = {} if rule.remote_group_id else {"cidr": rule.remote_ip_prefix or "0.0.0.0/0"}
    low, high = rule.port_range_min, rule.port_range_max
    if rule.protocol == "icmp":
        low, high = -1 if low is None else low, -1 if high is None else high
    return {"id": rule.id, "parent_group_id": group.id, "ip_protocol": rule.protocol, "from_port": low, "to_port": high, "ip_range": block,
            "group": remote}
