"""Records and orders of the network service: pure data, one file per noun.

A record (`Network`, `Port`, …) is what a row says, with what belongs to it (tags, addresses, groups) read beside it. An
order (`NetworkCreate`, `NetworkUpdate`, …) is what a caller wants: an attribute that was not given is UNSET, and the
names are those of the API.
"""

# SPDX-License-Identifier: Apache-2.0
from pileus.network.model.agents import Agent, Heartbeat
from pileus.network.model.compute import AUTO, NONE, PortView, RequestedNetwork
from pileus.network.model.networks import Network, NetworkCreate, NetworkUpdate
from pileus.network.model.ports import Address, AddressPair, DhcpOption, FixedIpWish, Kind, Port, PortCreate, PortUpdate
from pileus.network.model.query import Wanted
from pileus.network.model.rbac import RbacCreate, RbacPolicy, RbacUpdate
from pileus.network.model.routers import (
    FloatingIP,
    FloatingIPCreate,
    FloatingIPUpdate,
    GatewayInfo,
    Route,
    Router,
    RouterCreate,
    RouterInterface,
    RouterUpdate,
)
from pileus.network.model.security import (
    SecurityGroup,
    SecurityGroupCreate,
    SecurityGroupRule,
    SecurityGroupRuleCreate,
    SecurityGroupUpdate,
)
from pileus.network.model.subnetpools import (
    AddressScope,
    AddressScopeCreate,
    AddressScopeUpdate,
    SubnetPool,
    SubnetPoolCreate,
    SubnetPoolUpdate,
)
from pileus.network.model.subnets import HostRoute, Pool, Subnet, SubnetCreate, SubnetUpdate

__all__ = [
    "AUTO",
    "NONE",
    "Address",
    "AddressPair",
    "AddressScope",
    "AddressScopeCreate",
    "AddressScopeUpdate",
    "Agent",
    "DhcpOption",
    "FixedIpWish",
    "FloatingIP",
    "FloatingIPCreate",
    "FloatingIPUpdate",
    "GatewayInfo",
    "Heartbeat",
    "HostRoute",
    "Kind",
    "Network",
    "NetworkCreate",
    "NetworkUpdate",
    "Pool",
    "Port",
    "PortCreate",
    "PortUpdate",
    "PortView",
    "RbacCreate",
    "RbacPolicy",
    "RbacUpdate",
    "RequestedNetwork",
    "Route",
    "Router",
    "RouterCreate",
    "RouterInterface",
    "RouterUpdate",
    "SecurityGroup",
    "SecurityGroupCreate",
    "SecurityGroupRule",
    "SecurityGroupRuleCreate",
    "SecurityGroupUpdate",
    "Subnet",
    "SubnetCreate",
    "SubnetPool",
    "SubnetPoolCreate",
    "SubnetPoolUpdate",
    "SubnetUpdate",
    "Wanted",
]
