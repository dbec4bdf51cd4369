"""The rules of the network API, under upstream's names, so that operators' policy files keep working.

`create_port` is the rule of the operation; `create_port:mac_address` is enforced besides when the request names that
attribute; `get_network:provider:network_type` decides whether an answer shows it. Targets have what is stored of the
resource, `network:project_id` (who owns the network), `security_group:project_id`, and `shared` and `router:external` of
the network.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.policy import Default

ADMIN, SERVICE = "rule:admin_only", "rule:service_api"
MEMBER, READER, MANAGER = (f"(role:{role} and project_id:%(project_id)s)" for role in ("member", "reader", "manager"))
NET_MEMBER, NET_READER, NET_MANAGER = (f"(role:{role} and rule:network_owner)" for role in ("member", "reader", "manager"))
SG_MEMBER, SG_READER = (f"(role:{role} and rule:sg_owner)" for role in ("member", "reader"))


def any_of(*rules: str) -> str:
    return " or ".join(rules)


#: Rules that other rules refer to.
NAMED = {
    "admin_only": "rule:context_is_admin",
    "regular_user": "@",
    "network_owner": "project_id:%(network:project_id)s",
    "sg_owner": "project_id:%(security_group:project_id)s",
    "admin_or_network_owner": "rule:context_is_admin or rule:network_owner",
    "admin_owner_or_network_owner": "rule:owner or rule:admin_or_network_owner",
    "shared": "field:networks:shared=True",
    "external": "field:networks:router:external=True",
    "shared_subnetpools": "field:subnetpools:shared=True",
    "shared_address_scopes": "field:address_scopes:shared=True",
    "network_device": "field:port:device_owner=~^network:",
    "compute_device": "field:port:device_owner=~^compute:",
    "baremetal_device": "field:port:device_owner=~^baremetal:",
    "manila_device": "field:port:device_owner=~^manila:",
    "restrict_wildcard": "(not field:rbac_policy:target_tenant=* and not field:rbac_policy:target_project=*) or rule:admin_only",
}

ADMIN_MEMBER, ADMIN_READER, ADMIN_SERVICE = any_of(ADMIN, MEMBER), any_of(ADMIN, READER), any_of(ADMIN, SERVICE)
SERVICE_OR_NET_MEMBER = any_of(ADMIN, SERVICE, NET_MEMBER)
_PROVIDER = ("provider:network_type", "provider:physical_network", "provider:segmentation_id")

NETWORK = {
    "create_network": ADMIN_MEMBER, "create_network:port_security_enabled": ADMIN_MEMBER, "create_network:tags": ADMIN_MEMBER,
    **{f"create_network:{name}": ADMIN for name in ("shared", "router:external", "is_default", *_PROVIDER)},
    "get_network": any_of(ADMIN, READER, SERVICE, "rule:shared", "rule:external"),
    "get_network:tags": any_of(ADMIN, READER, "rule:shared", "rule:external"),
    **{f"get_network:{name}": ADMIN for name in _PROVIDER},
    "update_network": ADMIN_MEMBER, "update_network:port_security_enabled": ADMIN_MEMBER, "update_network:tags": ADMIN_MEMBER,
    **{f"update_network:{name}": ADMIN for name in ("shared", "router:external", "is_default", *_PROVIDER)},
    "delete_network": ADMIN_MEMBER, "delete_network:tags": ADMIN_MEMBER,
}
_SUBNET_READ = any_of(READER, "rule:shared", ADMIN, NET_READER)
SUBNET = {
    "create_subnet": any_of(ADMIN, NET_MEMBER), "create_subnet:segment_id": ADMIN, "create_subnet:service_types": ADMIN,
    "create_subnet:tags": any_of(MEMBER, ADMIN, NET_MEMBER),
    "get_subnet": any_of(_SUBNET_READ, SERVICE), "get_subnet:tags": _SUBNET_READ,
    "update_subnet": any_of(MEMBER, ADMIN, NET_MEMBER), "update_subnet:segment_id": ADMIN, "update_subnet:service_types": ADMIN,
    "update_subnet:tags": any_of(MEMBER, ADMIN, NET_MEMBER),
    "delete_subnet": any_of(MEMBER, ADMIN, NET_MEMBER), "delete_subnet:tags": any_of(MEMBER, ADMIN, NET_MEMBER),
}
_PAIRS = ("allowed_address_pairs", "allowed_address_pairs:mac_address", "allowed_address_pairs:ip_address")
_BINDING = ("binding:vif_type", "binding:vif_details", "binding:host_id", "binding:profile")
PORT = {
    "create_port": any_of(ADMIN, SERVICE, NET_MEMBER, "rule:shared"),
    "create_port:device_id": any_of(ADMIN, MEMBER, SERVICE),
    "create_port:device_owner": any_of("not rule:network_device", SERVICE_OR_NET_MEMBER),
    **{f"create_port:{name}": SERVICE_OR_NET_MEMBER for name in ("mac_address", "fixed_ips:ip_address", "port_security_enabled")},
    **{f"create_port:{name}": any_of(SERVICE_OR_NET_MEMBER, "rule:shared") for name in ("fixed_ips", "fixed_ips:subnet_id")},
    "create_port:binding:host_id": ADMIN_SERVICE, "create_port:binding:profile": SERVICE,
    "create_port:binding:vnic_type": any_of(ADMIN, MEMBER, SERVICE), "create_port:tags": ADMIN_MEMBER,
    **{f"create_port:{name}": any_of(ADMIN, NET_MEMBER, SERVICE) for name in _PAIRS},
    "get_port": any_of(ADMIN, SERVICE, NET_READER, READER), "get_port:tags": any_of(ADMIN, NET_READER, READER),
    **{f"get_port:{name}": ADMIN_SERVICE for name in _BINDING},
    "update_port": any_of(ADMIN, SERVICE, MEMBER),
    "update_port:device_id": any_of(ADMIN, MEMBER, SERVICE),
    "update_port:device_owner": any_of("not rule:network_device", SERVICE_OR_NET_MEMBER),
    "update_port:mac_address": any_of(ADMIN, SERVICE, NET_MANAGER),
    **{f"update_port:{name}": SERVICE_OR_NET_MEMBER for name in ("fixed_ips", "fixed_ips:ip_address", "port_security_enabled")},
    "update_port:fixed_ips:subnet_id": any_of(SERVICE_OR_NET_MEMBER, "rule:shared"),
    "update_port:binding:host_id": ADMIN_SERVICE, "update_port:binding:profile": SERVICE,
    "update_port:binding:vnic_type": any_of(ADMIN, SERVICE, MEMBER), "update_port:tags": ADMIN_MEMBER,
    **{f"update_port:{name}": any_of(ADMIN, NET_MEMBER, SERVICE) for name in _PAIRS},
    "delete_port": any_of(
        ADMIN, SERVICE, f"(service_roles:service and ({any_of(NET_MEMBER, MEMBER)}))",
        f"(not rule:compute_device and not rule:baremetal_device and not rule:manila_device and ({any_of(NET_MEMBER, MEMBER)}))"),
    "delete_port:tags": any_of(MEMBER, ADMIN, NET_MEMBER),
}
_GATEWAY = {"external_gateway_info": ADMIN_MEMBER, "external_gateway_info:network_id": ADMIN_MEMBER,
            "external_gateway_info:enable_snat": ADMIN, "external_gateway_info:external_fixed_ips": ADMIN}
ROUTER = {
    "create_router": ADMIN_MEMBER,
    "get_router": ADMIN_READER,
    "update_router": ADMIN_MEMBER,
    "delete_router": ADMIN_MEMBER,
    **{f"{verb}_router:{name}": ADMIN for verb in ("create", "get", "update") for name in ("distributed", "ha")},
    **{f"{verb}_router:{name}": rule for verb in ("create", "update") for name, rule in _GATEWAY.items()},
    "create_router:tags": ADMIN_MEMBER,
    "get_router:tags": ADMIN_READER,
    "update_router:tags": ADMIN_MEMBER,
    "delete_router:tags": ADMIN_MEMBER,
    **{name: ADMIN_MEMBER for name in ("add_router_interface", "remove_router_interface", "add_extraroutes", "remove_extraroutes")},
}
FLOATING_IP = {
    "create_floatingip": ADMIN_MEMBER,
    "create_floatingip:floating_ip_address": any_of(ADMIN, MANAGER),
    "create_floatingip:tags": ADMIN_MEMBER,
    "get_floatingip": ADMIN_READER,
    "get_floatingip:tags": ADMIN_READER,
    "update_floatingip": ADMIN_MEMBER,
    "update_floatingip:tags": ADMIN_MEMBER,
    "delete_floatingip": ADMIN_MEMBER,
    "delete_floatingip:tags": ADMIN_MEMBER,
}
SECURITY_GROUP = {
    **{f"{verb}_security_group{tags}": ADMIN_MEMBER for verb in ("create", "update", "delete") for tags in ("", ":tags")},
    "get_security_group": ADMIN_READER, "get_security_group:tags": ADMIN_READER,
    "create_security_group_rule": any_of(ADMIN, SG_MEMBER), "get_security_group_rule": any_of(ADMIN, SG_READER),
    "delete_security_group_rule": any_of(ADMIN, SG_MEMBER),
}
SUBNET_POOL = {
    **{f"{verb}_subnetpool{tags}": ADMIN_MEMBER for verb in ("create", "update", "delete") for tags in ("", ":tags")},
    "create_subnetpool:shared": ADMIN,
    "create_subnetpool:is_default": ADMIN,
    "update_subnetpool:is_default": ADMIN,
    "get_subnetpool": any_of(ADMIN, READER, "rule:shared_subnetpools"),
    "get_subnetpool:tags": any_of(ADMIN, READER, "rule:shared_subnetpools"),
    "create_address_scope": ADMIN_MEMBER,
    "create_address_scope:shared": ADMIN,
    "get_address_scope": any_of(ADMIN, READER, "rule:shared_address_scopes"),
    "update_address_scope": ADMIN_MEMBER,
    "update_address_scope:shared": ADMIN,
    "delete_address_scope": ADMIN_MEMBER,
}
_NOT_EVERYBODY = "not field:rbac_policy:target_tenant=* and not field:rbac_policy:target_project=*"
OTHERS = {
    "get_quota": any_of(ADMIN, MANAGER),
    "update_quota": ADMIN,
    "delete_quota": ADMIN,
    "get_agent": ADMIN,
    "update_agent": ADMIN,
    "delete_agent": ADMIN,
    "get_availability_zone": "role:reader",
    "get_service_provider": "role:reader",
    "get_network_ip_availability": ADMIN,
    "create_rbac_policy": ADMIN_MEMBER,
    "get_rbac_policy": ADMIN_READER,
    "update_rbac_policy": ADMIN_MEMBER,
    "delete_rbac_policy": ADMIN_MEMBER,
    **{
        f"{verb}_rbac_policy:{name}": any_of(ADMIN, f"({_NOT_EVERYBODY})")
        for verb in ("create", "update")
        for name in ("target_tenant", "target_project")
    },
}

DEFAULTS: dict[str, Default] = {
    **{name: Default(rule) for name, rule in NAMED.items()},
    **{
        name: Default(rule, ("project",))
        for table in (NETWORK, SUBNET, PORT, ROUTER, FLOATING_IP, SECURITY_GROUP, SUBNET_POOL, OTHERS)
        for name, rule in table.items()
    },
}
