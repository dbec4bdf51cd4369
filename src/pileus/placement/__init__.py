"""Placement: how much of what is where, and who holds it.

Resources: a *resource provider* (a host, usually) has an *inventory* per *resource class* (VCPU, MEMORY_MB, …), *traits* and
*aggregates*, and may be the child of another. A *consumer* (a server, usually) holds *allocations* of inventories.

What stays true:
- `used` of an inventory is the sum of the allocations of it; both change in one transaction.
- A claim is refused by the statement that would have carried it out, so two schedulers never both win the last slot.
- A provider's `generation` grows with every change of its inventories, traits, aggregates and allocations; a consumer's with
  every change of its allocations. Whoever writes with an older generation is told (409) and nothing changes.
- A consumer without allocations does not exist.
"""
# SPDX-License-Identifier: Apache-2.0
