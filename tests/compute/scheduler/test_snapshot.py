"""The snapshot after any sequence of changes equals one built afresh."""

# SPDX-License-Identifier: Apache-2.0
import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pileus.compute.scheduler.snapshot import COLUMNS, Host, Hosts

NAMES = st.sampled_from(["a", "b", "c", "d"])
HOSTS = st.builds(
    Host, id=st.sampled_from([f"id{at}" for at in range(12)]), host=NAMES, vcpus=st.integers(1, 64), memory_mb=st.integers(1, 9999),
    enabled=st.booleans(), traits=st.frozensets(st.sampled_from("TUV")), hypervisor_type=st.sampled_from(["QEMU", "KVM"]),
    servers=st.frozensets(st.sampled_from(["s1", "s2"]), max_size=1), host_ip=st.sampled_from(["", "10.0.0.1", "fd00::1"]),
    capabilities=st.sampled_from([{}, {"a": 1, "b": 2}, {"b": 2, "a": 1}]))
CHANGES = st.lists(st.one_of(
    st.tuples(st.just("put"), HOSTS),
    st.tuples(st.just("remove"), st.sampled_from([f"id{at}" for at in range(12)])),
    st.tuples(st.just("aggregate"), st.tuples(st.sampled_from("12"), st.frozensets(NAMES))),
    st.tuples(st.just("dissolve"), st.sampled_from("12")),
    st.tuples(st.just("count"), st.tuples(st.sampled_from([f"id{at}" for at in range(12)]), st.sampled_from(["s1", "s3"]),
                                          st.sampled_from([1, -1]))),
), max_size=60)


def facts(hosts):
    """All that can be found out about each host, by every way there is."""
    told = {}
    for id, row in hosts.row_of.items():
        host = hosts.at(row)
        assert hosts.present[row]
        told[id] = (
            host, {name: getattr(hosts, name)[row].item() for name in COLUMNS},
            {trait for trait, mask in hosts.traits.items() if mask[row]},
            {name for name, aggregate in hosts.aggregates.items() if aggregate.mask[row]},
            hosts.profiles.items[hosts.profile[row]], int(hosts.ip_version[row]),
            row in hosts.by_host[host.host], row in hosts.by_node[host.node or host.host])
    return told


def counted(host, server, sign):
    return msgspec.structs.replace(
        host, vcpus_used=host.vcpus_used + 2 * sign, memory_mb_used=host.memory_mb_used + 3 * sign,
        num_instances=host.num_instances + sign, num_io_ops=host.num_io_ops + (sign > 0),
        servers=host.servers | {server} if sign > 0 else host.servers - {server})


@given(CHANGES)
def test_changing_and_building_afresh_come_to_the_same(changes):
    hosts, model, aggregates = Hosts(), {}, {}
    for what, value in changes:
        if what == "put":
            hosts.put(value)
            model.pop(value.id, None)
            model[value.id] = value
        elif what == "remove":
            hosts.remove(value)
            model.pop(value, None)
        elif what == "count":
            hosts.count(value[0], value[1], {"vcpus_used": 2, "memory_mb_used": 3}, value[2])
            if value[0] in model:
                model[value[0]] = counted(model[value[0]], *value[1:])
        elif what == "aggregate":
            hosts.put_aggregate(value[0], {"k": "v, w"}, value[1])
            aggregates[value[0]] = value[1]
        else:
            hosts.remove_aggregate(value)
            aggregates.pop(value, None)
    fresh = Hosts()
    for host in model.values():
        fresh.put(host)
    for id, names in aggregates.items():
        fresh.put_aggregate(id, {"k": "v, w"}, names)
    assert facts(hosts) == facts(fresh)
    assert len(hosts) == np.count_nonzero(hosts.present) == len(model)
    assert {host.id for host in hosts} == set(model)
    assert {id for host in model.values() for id in host.servers} >= set(hosts.by_server)
    used = [profile for profile in hosts.profiles.items if profile is not None]
    assert len(used) == len({msgspec.json.encode(profile, order="sorted") for profile in used}) <= max(1, len(model))


def test_a_server_that_moved_is_found_where_it_is_now():
    hosts = Hosts()
    old, new = (Host(id=name, host=name, vcpus=1, memory_mb=1) for name in "ab")
    hosts.put(msgspec.structs.replace(old, servers=frozenset({"s"})))
    hosts.put(msgspec.structs.replace(new, servers=frozenset({"s"})))
    hosts.put(old)
    assert hosts.by_server == {"s": hosts.row_of["b"]}


def test_a_working_copy_leaves_the_snapshot_alone():
    from pileus.compute.scheduler.request import ServerRequest

    hosts = Hosts()
    hosts.put(Host(id="a", host="a", vcpus=4, memory_mb=1024))
    hosts.working_copy().consume(0, ServerRequest(vcpus=2, memory_mb=512, disk_gib=1))
    assert (hosts.vcpus_used[0], hosts.memory_mb_used[0], hosts.num_instances[0]) == (0, 0, 0)
