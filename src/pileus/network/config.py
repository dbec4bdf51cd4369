"""Options of the network service."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated

import msgspec

Limit = Annotated[int, msgspec.Meta(ge=-1)]
Mtu = Annotated[int, msgspec.Meta(ge=68)]


class NetworkConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[network]"""

    datapath: str = "linux"                 # what makes the networks of a host: linux or simulated
    network_host: str = ""                  # host of DHCP and routers; empty: the first host whose agent reported
    mtu: Mtu = 1450                         # of tenants' networks: that of the underlay less what VXLAN adds
    physical_mtu: Mtu = 1500                # of networks that are a bridge of the host; and the largest anyone may ask for
    bridges: dict[str, str] = {}            # provider:physical_network → bridge; a name that is missing is the bridge's own
    vxlan_ids: tuple[int, int] = (1, 16_777_215)                   # first and last VXLAN network identifier of tenants' networks
    underlay: str = ""                      # this host's address towards other hosts, for VXLAN; empty: a single host
    dns_domain: str = "openstacklocal"      # what DHCP appends to the names of ports
    base_mac: str = "fa:16:3e"              # first three octets of the MAC addresses that are handed out
    availability_zone: str = "nova"         # name of the only zone of network agents

    sync_delay_s: float = 0.3               # how long changes are gathered before a host is told
    report_interval_s: float = 30           # how often an agent says that it is alive
    agent_down_s: float = 75                # silence after which an agent counts as down

    quota_network: Limit = 100              # networks per project; -1: as many as wanted
    quota_subnet: Limit = 100               # subnets per project
    quota_subnetpool: Limit = -1            # subnet pools per project
    quota_port: Limit = 500                 # ports per project
    quota_router: Limit = 10                # routers per project
    quota_floatingip: Limit = 50            # floating IPs per project
    quota_security_group: Limit = 10        # security groups per project
    quota_security_group_rule: Limit = 100  # security group rules per project
    quota_rbac_policy: Limit = 10           # RBAC policies per project

    max_fixed_ips_per_port: int = 5         # addresses of one port
    max_allowed_address_pairs: int = 10     # allowed address pairs of one port
    max_routes: int = 30                    # extra routes of one router
    max_subnet_nameservers: int = 5         # DNS servers of one subnet
    max_subnet_host_routes: int = 20        # host routes of one subnet
    max_tags: int = 50                      # tags of one resource

    def quota(self, resource: str) -> int:
        """The limit of a project that has none of its own."""
        return getattr(self, "quota_" + resource)
