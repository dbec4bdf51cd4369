"""Networks of projects: Neutron's API version 2.0.

Networks, subnets, subnet pools, ports, routers, floating IPs, security groups; who may see them (RBAC), how many one may
have (quotas), and the agents that make them real on hosts.

The control plane decides everything and writes it down; a host's agent is told the whole wanted state of its host and makes
it so through a datapath. What stays true:
- An address of a network is given to one port: the key of `network_addresses` says so, whatever else goes wrong.
- A port's addresses, groups and its row are made and removed in one transaction.
- `kind` of a port says what this service made it for. `device_owner` is what users say, and decides nothing.
- Nobody is told a difference: a lost message costs time, not correctness.
"""
