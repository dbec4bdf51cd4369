"""/v2.0/extensions: what this service does beyond the core. Only what is true is announced: clients act on it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.http import Request, Route
from pileus.network import errors
from pileus.network.api.common import selected

#: (alias, name, description, updated)
EXTENSIONS = [
    ("address-scope", "Address scope", "Sets of subnet pools whose prefixes do not overlap", "2015-07-26T10:00:00-00:00"),
    ("agent", "agent", "Network agents of hosts, and whether they are alive", "2013-02-03T10:00:00-00:00"),
    ("allowed-address-pairs", "Allowed Address Pairs", "Addresses a port may use beyond its own", "2013-07-23T10:00:00-00:00"),
    ("availability_zone", "Availability Zone", "Zones of network agents", "2015-01-01T10:00:00-00:00"),
    ("binding", "Port Binding", "Where a port is bound, for administrators", "2014-02-03T10:00:00-00:00"),
    (
        "default-subnetpools",
        "Default Subnetpools",
        "A subnet pool that subnets are carved from when none is named",
        "2016-02-18T18:00:00-00:00",
    ),
    (
        "dns-integration",
        "DNS Integration",
        "Names of ports, answered by the DNS server of their network",
        "2015-08-15T18:00:00-00:00",
    ),
    (
        "empty-string-filtering",
        "Empty String Filtering Extension",
        "Filters for attributes that are empty",
        "2018-05-01T10:00:00-00:00",
    ),
    (
        "ext-gw-mode",
        "Neutron L3 Configurable external gateway mode",
        "Whether a router's gateway does source NAT",
        "2013-03-28T10:00:00-00:00",
    ),
    ("external-net", "Neutron external network", "Networks that routers have their gateways on", "2013-01-14T10:00:00-00:00"),
    ("extra_dhcp_opt", "Neutron Extra DHCP options", "DHCP options of single ports", "2013-03-17T12:00:00-00:00"),
    ("extraroute", "Neutron Extra Route", "Static routes of routers", "2013-02-01T10:00:00-00:00"),
    (
        "extraroute-atomic",
        "Atomically add/remove extra routes",
        "Add and remove single routes of a router",
        "2019-07-10T00:00:00+00:00",
    ),
    (
        "fip-port-details",
        "Floating IP Port Details Extension",
        "The port behind a floating IP, shown with it",
        "2018-04-09T10:00:00-00:00",
    ),
    ("ip-substring-filtering", "IP address substring filtering", "Ports by a part of an address", "2017-11-28T09:00:00-00:00"),
    ("l2_adjacency", "L2 Adjacency", "Whether a network is one layer-2 segment", "2016-04-12T16:00:00-00:00"),
    ("net-mtu", "Network MTU", "The MTU of a network", "2015-03-25T10:00:00-00:00"),
    ("net-mtu-writable", "Network MTU (writable)", "A network's MTU may be chosen and changed", "2017-07-12T00:00:00-00:00"),
    (
        "network-ip-availability",
        "Network IP Availability",
        "How many addresses of networks and subnets are used",
        "2015-09-24T00:00:00-00:00",
    ),
    ("network_availability_zone", "Network Availability Zone", "Zones of networks", "2015-01-01T10:00:00-00:00"),
    ("pagination", "Pagination support", "Lists in pages", "2016-06-12T00:00:00-00:00"),
    (
        "port-security",
        "Port Security",
        "Anti-spoofing and security groups may be switched off for a port",
        "2012-07-23T10:00:00-00:00",
    ),
    ("port-security-groups-filtering", "Port filtering on security groups", "Ports by security group", "2018-01-09T09:00:00-00:00"),
    ("project-id", "project_id field enabled", "project_id beside tenant_id", "2016-09-09T09:09:09-09:09"),
    ("provider", "Provider Network", "What networks are made of, for administrators", "2012-09-07T10:00:00-00:00"),
    ("quota_details", "Quota details management support", "How much of a quota is used", "2017-02-10T10:00:00-00:00"),
    ("quotas", "Quota management support", "Limits of projects", "2012-07-29T10:00:00-00:00"),
    ("rbac-policies", "RBAC Policies", "Networks shared with single projects", "2015-06-17T12:15:12-00:00"),
    (
        "revision-if-match",
        "If-Match constraints based on revision_number",
        "Changes on condition of a revision",
        "2016-12-11T00:00:00-00:00",
    ),
    ("router", "Neutron L3 Router", "Routers between networks, and floating IPs", "2012-07-20T10:00:00-00:00"),
    ("router_availability_zone", "Router Availability Zone", "Zones of routers", "2015-01-01T10:00:00-00:00"),
    ("security-group", "security-group", "Security groups and their rules", "2012-10-05T10:00:00-00:00"),
    (
        "security-groups-normalized-cidr",
        "Normalized CIDR field for security group rules",
        "Prefixes of rules without host bits",
        "2020-07-28T10:00:00-00:00",
    ),
    ("service-type", "Neutron Service Type Management", "Providers of services: there are none", "2013-01-20T00:00:00-00:00"),
    ("sort-key-validation", "Sort keys validation", "Unknown sort keys are refused", "2018-07-04T10:00:00-00:00"),
    ("sorting", "Sorting support", "Lists in any order", "2016-06-12T00:00:00-00:00"),
    ("standard-attr-description", "standard-attr-description", "A description for every resource", "2016-02-10T10:00:00-00:00"),
    (
        "standard-attr-revisions",
        "Resource revision numbers",
        "A number that counts the changes of a resource",
        "2016-04-11T10:00:00-00:00",
    ),
    (
        "standard-attr-tag",
        "Tag support for resources with standard attribute: network, subnet, subnetpool, port, router, floatingip, security_group",
        "Tags on resources",
        "2017-01-01T00:00:00-00:00",
    ),
    ("standard-attr-timestamp", "Resource timestamps", "When a resource was made and changed", "2016-09-12T10:00:00-00:00"),
    (
        "stateful-security-group",
        "Stateful security group",
        "Security groups may do without connection tracking",
        "2019-11-26T09:00:00-00:00",
    ),
    ("subnet-service-types", "Subnet service types", "Subnets for ports of certain owners only", "2016-03-15T18:00:00-00:00"),
    ("subnet_allocation", "Subnet Allocation", "Subnets carved from subnet pools", "2015-03-30T10:00:00-00:00"),
    ("tag-creation", "Tag creation extension", "Several tags at once", "2024-07-23T10:00:00-00:00"),
    (
        "tag-ports-during-bulk-creation",
        "Tag Ports During Bulk Creation",
        "Tags in the request that makes ports",
        "2019-12-29T19:00:00-00:00",
    ),
]


async def list_extensions(req: Request):
    return {"extensions": [selected(req, _show(*one)) for one in EXTENSIONS]}


async def show_extension(req: Request, alias: str):
    for one in EXTENSIONS:
        if one[0] == alias:
            return {"extension": selected(req, _show(*one))}
    raise errors.ExtensionNotFound(alias=alias)


def _show(alias: str, name: str, description: str, updated: str) -> dict[str, Any]:
    return {"alias": alias, "name": name, "description": description, "updated": updated, "links": []}


ROUTES = [
    Route("GET", "/v2.0/extensions", list_extensions, policy="regular_user"),
    Route("GET", "/v2.0/extensions/{alias}", show_extension, policy="regular_user"),
]
