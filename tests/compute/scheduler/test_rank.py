"""The decision, against a naive scheduler that looks at one host after the other."""

# SPDX-License-Identifier: Apache-2.0
import random

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pileus.compute.scheduler.plugins import load
from pileus.compute.scheduler.rank import rank
from pileus.compute.scheduler.request import Group, ServerRequest
from pileus.compute.scheduler.snapshot import Host, Hosts

NAMES = [f"h{at}" for at in range(8)]
TRAITS = ["T1", "T2"]


@st.composite
def clouds(draw):
    hosts = []
    for at, name in enumerate(NAMES[:draw(st.integers(0, len(NAMES)))]):
        hosts.append(Host(
            id=f"id{at}", host=name, vcpus=draw(st.integers(1, 8)), vcpus_used=draw(st.integers(0, 8)),
            memory_mb=1024 * draw(st.integers(1, 8)), memory_mb_used=1024 * draw(st.integers(0, 4)),
            memory_mb_reserved=draw(st.sampled_from([0, 512])),
            disk_gib=draw(st.sampled_from([5, 20, 50])), cpu_allocation_ratio=draw(st.sampled_from([1.0, 1.5, 4.0])),
            enabled=draw(st.sampled_from([True, True, True, False])), up=draw(st.sampled_from([True, True, True, False])),
            hypervisor_type=draw(st.sampled_from(["QEMU", "KVM"])), traits=draw(st.frozensets(st.sampled_from(TRAITS))),
            servers=frozenset({f"server{at}"})))
    return hosts, draw(st.frozensets(st.sampled_from(NAMES)))


REQUESTS = st.builds(
    ServerRequest, vcpus=st.integers(1, 4), memory_mb=st.sampled_from([512, 1024, 2048]), disk_gib=st.sampled_from([1, 10]),
    num_instances=st.integers(1, 6), availability_zone=st.sampled_from([None, None, "east", "nova"]),
    force_host=st.sampled_from([None, None, None, "h1"]), force_node=st.sampled_from([None, None, None, None, "h2"]),
    ignore_hosts=st.frozensets(st.sampled_from(NAMES), max_size=2),
    required_traits=st.frozensets(st.sampled_from(TRAITS), max_size=1),
    forbidden_traits=st.frozensets(st.sampled_from(TRAITS), max_size=1),
    same_host=st.sampled_from([(), (), ("server1", "server2")]),
    different_host=st.sampled_from([(), ("server0",)]), requested_destination=st.sampled_from([None, None, None, "h3"]),
    extra_specs=st.sampled_from([{}, {"capabilities:hypervisor_type": "s== QEMU"}, {"trait:T1": "required"}]),
    image_properties=st.sampled_from([{}, {"img_hv_type": "kvm"}]),
    group=st.one_of(st.none(), st.builds(
        Group, policy=st.sampled_from(["affinity", "anti-affinity", "soft-anti-affinity"]), max_server_per_host=st.integers(1, 2),
        hosts=st.dictionaries(st.sampled_from(NAMES), st.integers(0, 2), max_size=3))))


def snapshot(cloud):
    hosts, east = Hosts(), cloud[1]
    for host in cloud[0]:
        hosts.put(host)
    hosts.put_aggregate("1", {"availability_zone": "east"}, east)
    return hosts


def may(host, cloud, request, members):
    """Whether this one host may have one more server: every rule told plainly."""
    required, forbidden = request.traits()
    checks = [
        host.enabled and host.up,
        host.vcpus_used + request.vcpus <= int(host.vcpus * host.cpu_allocation_ratio) and request.vcpus <= host.vcpus,
        host.memory_mb_used + request.memory_mb <= host.memory_mb - host.memory_mb_reserved,
        host.disk_gib_used + request.disk_gib <= host.disk_gib,
        host.host not in request.ignore_hosts,
        required <= host.traits and not forbidden & host.traits,
        request.requested_destination in (None, host.host),
    ]
    if request.force_host is not None or request.force_node is not None:
        return all(checks) and request.force_host in (None, host.host) and request.force_node in (None, host.host)
    group = request.group
    zone = "east" if host.host in cloud[1] else "nova"
    checks += [
        request.availability_zone in (None, zone),
        not request.same_host or bool(host.servers & set(request.same_host)),
        not host.servers & set(request.different_host),
        host.hypervisor_type == "QEMU" or "capabilities:hypervisor_type" not in request.extra_specs,
        host.hypervisor_type == "KVM" or "img_hv_type" not in request.image_properties,
        group is None or group.policy != "affinity" or not any(members.values()) or bool(members.get(host.host)),
        group is None or group.policy != "anti-affinity" or members.get(host.host, 0) < group.max_server_per_host,
    ]
    return all(checks)


def after(host, request):
    return msgspec.structs.replace(
        host, vcpus_used=host.vcpus_used + request.vcpus, memory_mb_used=host.memory_mb_used + request.memory_mb,
        disk_gib_used=host.disk_gib_used + request.disk_gib, num_instances=host.num_instances + 1, num_io_ops=host.num_io_ops + 1)


@settings(max_examples=300)
@given(clouds(), REQUESTS, st.integers())
def test_every_choice_passes_every_filter_and_none_is_missed(cloud, request_, seed):
    hosts = snapshot(cloud)
    ranking = rank(hosts, request_, chance=random.Random(seed))
    state = {host.id: host for host in cloud[0]}
    members = dict(request_.group.hosts) if request_.group else {}
    for choice, others in zip(ranking.chosen, ranking.alternates, strict=True):
        fit = {host.id for host in state.values() if may(host, cloud, request_, members)}
        assert choice.id in fit
        assert {other.id for other in others} <= fit - {choice.id}
        assert len(others) == min(2, len(fit) - 1)
        state[choice.id] = after(state[choice.id], request_)
        members[choice.host] = members.get(choice.host, 0) + 1
    if len(ranking.chosen) < request_.num_instances:
        assert not [host for host in state.values() if may(host, cloud, request_, members)]
        assert sum(ranking.removed.values()) == len(cloud[0])
    assert {host.id: host for host in hosts} == {host.id: host for host in cloud[0]}
    assert facts(hosts) == facts(snapshot(cloud))


def facts(hosts):
    return [column.tolist() for column in (hosts.vcpus_used, hosts.memory_mb_used, hosts.disk_gib_used, hosts.num_instances)]


@given(clouds(), REQUESTS, st.integers())
def test_the_same_seed_gives_the_same_answer_in_any_order_of_hosts(cloud, request_, seed):
    first = rank(snapshot(cloud), request_, chance=random.Random(seed))
    turned = (cloud[0][::-1], cloud[1])
    assert rank(snapshot(turned), request_, chance=random.Random(seed)) == first


@given(clouds(), REQUESTS, st.integers(), st.data())
def test_a_host_that_was_not_chosen_may_go_without_a_change(cloud, request_, seed, data):
    # Without weighers all that passes ties; with them, a host that goes may change the scale of the others.
    before = rank(snapshot(cloud), request_, chance=random.Random(seed), weighers={})
    losers = [host for host in cloud[0] if host.id not in {choice.id for choice in before.chosen}]
    assume(losers)
    hosts = snapshot(cloud)
    hosts.remove(data.draw(st.sampled_from(losers)).id)
    assert rank(hosts, request_, chance=random.Random(seed), weighers={}).chosen == before.chosen


@given(clouds(), REQUESTS, st.integers(), st.data())
def test_with_one_weigher_a_host_that_was_not_chosen_may_go_as_well(cloud, request_, seed, data):
    one = msgspec.structs.replace(request_, num_instances=1)
    before = rank(snapshot(cloud), one, chance=random.Random(seed), weighers={"RAMWeigher": 1.0})
    losers = [host for host in cloud[0] if host.id not in {choice.id for choice in before.chosen}]
    assume(losers)
    hosts = snapshot(cloud)
    hosts.remove(data.draw(st.sampled_from(losers)).id)
    assert rank(hosts, one, chance=random.Random(seed), weighers={"RAMWeigher": 1.0}).chosen == before.chosen


def simple(count, **facts):
    hosts = Hosts()
    for at in range(count):
        hosts.put(Host(id=f"id{at}", host=f"h{at}", **{"vcpus": 4, "memory_mb": 4096, "disk_gib": 100, **facts}))
    return hosts


ONE = ServerRequest(vcpus=1, memory_mb=1024, disk_gib=10)


def test_equal_hosts_are_chosen_about_equally_often():
    hosts, chance, counts = simple(4), random.Random(5), {}
    for _ in range(2000):
        choice = rank(hosts, ONE, chance=chance).chosen[0].host
        counts[choice] = counts.get(choice, 0) + 1
    assert set(counts) == {"h0", "h1", "h2", "h3"}
    assert min(counts.values()) > 400


def test_many_servers_spread_and_stop_when_all_is_full():
    ranking = rank(simple(3), msgspec.structs.replace(ONE, num_instances=20), chance=random.Random(1))
    chosen = [choice.host for choice in ranking.chosen]
    assert len(chosen) == 12
    assert {host: chosen.count(host) for host in chosen} == {"h0": 4, "h1": 4, "h2": 4}
    assert set(chosen[:3]) == {"h0", "h1", "h2"}
    assert ranking.removed == {"RamFilter": 3}


def test_anti_affinity_holds_among_the_servers_of_one_request():
    request = msgspec.structs.replace(ONE, num_instances=5, group=Group(policy="anti-affinity"))
    ranking = rank(simple(4), request, chance=random.Random(1))
    assert sorted(choice.host for choice in ranking.chosen) == ["h0", "h1", "h2", "h3"]
    assert ranking.removed == {"ServerGroupAntiAffinityFilter": 4}


def test_affinity_holds_among_the_servers_of_one_request():
    request = msgspec.structs.replace(ONE, num_instances=4, group=Group(policy="affinity"))
    assert len({choice.host for choice in rank(simple(4), request, chance=random.Random(1)).chosen}) == 1


def test_what_was_removed_is_counted_by_the_first_filter_that_said_no():
    hosts = simple(5)
    hosts.put(msgspec.structs.replace(hosts.at(0), up=False))
    hosts.put(msgspec.structs.replace(hosts.at(1), vcpus=1, vcpus_used=4))
    request = msgspec.structs.replace(ONE, ignore_hosts=frozenset({"h2"}))
    ranking = rank(hosts, request, chance=random.Random(1))
    assert list(ranking.removed.items()) == [("ignore_hosts", 1), ("ComputeFilter", 1), ("CoreFilter", 1)]


def test_a_forced_host_is_asked_for_room_and_life_only():
    hosts = simple(3)
    hosts.put_aggregate("1", {"availability_zone": "far"}, ["h1"])
    forced = msgspec.structs.replace(ONE, force_host="h1", availability_zone="nova")
    assert [choice.host for choice in rank(hosts, forced, chance=random.Random(1)).chosen] == ["h1"]
    hosts.put(msgspec.structs.replace(hosts.at(1), up=False))
    assert rank(hosts, forced, chance=random.Random(1)).removed == {"force_hosts": 2, "ComputeFilter": 1}


def test_names_are_checked():
    with pytest.raises(ValueError, match="no such filter: NoFilter"):
        rank(simple(1), ONE, chance=random.Random(1), filters=["NoFilter"])
    with pytest.raises(ValueError, match="no such weigher: NoWeigher"):
        load([], ["NoWeigher"])


def test_an_empty_cloud_has_no_place():
    assert rank(Hosts(), ONE, chance=random.Random(1)).chosen == ()
