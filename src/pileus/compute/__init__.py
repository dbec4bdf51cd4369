"""Compute (Nova): servers and what they are made of, on hosts that hypervisors run.

Resources: servers, flavors, key pairs, server groups, hosts (services and hypervisors), aggregates, availability zones,
quotas. Processes: the API and the conductor (sagas, scheduler) in the control plane; one agent per host.

What must stay true: a server is never left in BUILD or deleting; the allocations in placement are those of the servers
that exist; a guest runs on the host its server names and on no other.
"""

# SPDX-License-Identifier: Apache-2.0
