"""Security groups and rules through the API."""

import pytest

from tests.network.lab import V2, Lab, message_of, type_of

GROUPS, RULES = f"{V2}/security-groups", f"{V2}/security-group-rules"


async def rule(lab, group, by=None, **fields):
    return await (by or lab.as_()).post(
        RULES, {"security_group_rule": {"security_group_id": group["id"], "direction": "ingress", **fields}}
    )


async def default_group(lab, by=None):
    return next(g for g in (await (by or lab.as_()).get(GROUPS)).json["security_groups"] if g["name"] == "default")


async def test_every_project_has_a_default_group():
    async with Lab() as lab:
        group = await default_group(lab)
        assert {(r["direction"], r["ethertype"], r["remote_group_id"]) for r in group["security_group_rules"]} == {
            ("egress", "IPv4", None), ("egress", "IPv6", None), ("ingress", "IPv4", group["id"]), ("ingress", "IPv6", group["id"])}
        assert await default_group(lab) == group and (await default_group(lab, lab.as_(project="p2")))["id"] != group["id"]
        for answer, kind in (
            (await lab.as_().post(GROUPS, {"security_group": {"name": "default"}}), "SecurityGroupDefaultAlreadyExists"),
            (await lab.as_().put(f"{GROUPS}/{group['id']}", {"security_group": {"name": "x"}}), "SecurityGroupCannotUpdateDefault"),
            (await lab.as_().delete(f"{GROUPS}/{group['id']}"), "SecurityGroupCannotRemoveDefault"),
        ):
            assert answer.status == 409 and type_of(answer) == kind
        assert (await lab.admin.delete(f"{GROUPS}/{group['id']}")).status == 204
        assert (await default_group(lab))["id"] != group["id"]
        other = await lab.make("security-groups", "security_group", name="o")
        assert (await lab.as_().put(f"{GROUPS}/{other['id']}", {"security_group": {"name": "default"}})).status == 409


async def test_create_show_update_delete():
    async with Lab() as lab:
        made = await lab.make("security-groups", "security_group", name="web", description="d", stateful=False, tags=["t"])
        assert (
            {r["direction"] for r in made["security_group_rules"]} == {"egress"}
            and made["stateful"] is False
            and made["tags"] == ["t"]
        )
        url = f"{GROUPS}/{made['id']}"
        assert (await lab.as_().get(url)).json["security_group"] == made
        added = (await rule(lab, made, protocol="TCP", port_range_min=80, port_range_max="81", remote_ip_prefix="10.1.2.3/8")).json[
            "security_group_rule"
        ]
        assert (
            added["protocol"] == "tcp"
            and added["port_range_max"] == 81
            and added["normalized_cidr"] == "10.0.0.0/8"
            and added["ethertype"] == "IPv4"
        )
        assert (await lab.as_().get(f"{RULES}/{added['id']}")).json["security_group_rule"] == added
        assert len((await lab.as_().get(url)).json["security_group"]["security_group_rules"]) == 3
        assert [r["id"] for r in (await lab.as_().get(f"{RULES}?protocol=tcp")).json["security_group_rules"]] == [added["id"]]
        assert (await lab.as_().put(url, {"security_group": {"name": "w2", "stateful": True}})).json["security_group"][
            "stateful"
        ] is True
        assert (await lab.as_().delete(f"{RULES}/{added['id']}")).status == 204
        assert (await lab.as_().delete(url)).status == 204
        assert (await lab.as_().get(url)).status == 404 and (await lab.as_().get(f"{RULES}/{added['id']}")).status == 404


@pytest.mark.parametrize(
    "fields, text",
    [
        ({"protocol": "tcp", "port_range_min": -16, "port_range_max": 80}, "Invalid value for port -16"),
        ({"protocol": "tcp", "port_range_min": 80, "port_range_max": 65536}, "Invalid value for port 65536"),
        ({"protocol": "tcp", "port_range_min": 80, "port_range_max": 79}, "port_range_min must be <= port_range_max"),
        ({"protocol": "tcp", "port_range_max": 6}, "port_range_min must be <= port_range_max"),
        ({"protocol": "tcp", "port_range_min": 0, "port_range_max": 6}, "Invalid value for port 0"),
        ({"protocol": "icmp", "port_range_min": 1, "port_range_max": 256}, "Invalid value for ICMP code"),
        ({"protocol": "icmp", "port_range_min": -1, "port_range_max": 25}, "Invalid value"),
        ({"protocol": "icmp", "port_range_max": 6}, "ICMP type (port-range-min) is missing"),
        ({"protocol": "icmp", "port_range_min": 300, "port_range_max": 1}, "Invalid value for ICMP type"),
        ({"port_range_min": 80, "port_range_max": 80}, "protocol"),
        ({"protocol": "carrier pigeon"}, "not supported"),
        ({"protocol": "256"}, "not supported"),
        ({"protocol": -1}, "not supported"),
        ({"ethertype": "IPv5"}, "IPv5"),
        ({"direction": "sideways"}, "sideways"),
        ({"remote_ip_prefix": "ten"}, "CIDR"),
        ({"remote_ip_prefix": "10.0.0.0/99"}, "CIDR"),
        ({"remote_ip_prefix": "fd00::/8"}, "Conflicting value ethertype"),
        ({"ethertype": "IPv6", "remote_ip_prefix": "10.0.0.0/8"}, "Conflicting value ethertype"),
        ({"protocol": "ipv6-icmp"}, "ethertype"),
        ({"protocol": "vrrp", "port_range_min": 1, "port_range_max": 2}, "Ports cannot be specified"),
        ({"nonsense": 1}, "nonsense"),
        ({"port_range_min": "eighty"}, ""),
        ({"protocol": ["tcp"]}, ""),
    ],
)
async def test_rules_that_cannot_be(fields, text):
    async with Lab() as lab:
        group = await lab.make("security-groups", "security_group", name="g")
        refused = await rule(lab, group, **fields)
        assert refused.status == 400 and text in message_of(refused), refused.text
        assert len((await lab.as_().get(f"{GROUPS}/{group['id']}")).json["security_group"]["security_group_rules"]) == 2


async def test_rules_that_can_be():
    async with Lab() as lab:
        group = await lab.make("security-groups", "security_group", name="g")
        for fields, protocol in (
            ({}, None),
            ({"protocol": "any", "ethertype": "IPv6"}, None),
            ({"protocol": 17}, "17"),
            ({"protocol": "sctp", "port_range_min": 1, "port_range_max": 65535}, "sctp"),
            ({"protocol": "icmp", "port_range_min": 0, "port_range_max": 0}, "icmp"),
            ({"protocol": "icmp", "port_range_min": 11}, "icmp"),
            ({"protocol": "icmp", "ethertype": "ipv6"}, "ipv6-icmp"),
            ({"protocol": "vrrp"}, "vrrp"),
            ({"direction": "egress", "protocol": "tcp"}, "tcp"),
            ({"remote_group_id": group["id"]}, None),
            ({"remote_ip_prefix": "10.0.0.1"}, None),
        ):
            made = await rule(lab, group, **fields)
            assert made.status == 201 and made.json["security_group_rule"]["protocol"] == protocol, made.text


async def test_the_same_rule_twice():
    async with Lab() as lab:
        group = await lab.make("security-groups", "security_group", name="g")
        first = (await rule(lab, group, protocol="tcp", port_range_min=80, port_range_max=80, remote_ip_prefix="10.0.0.5/24")).json[
            "security_group_rule"
        ]
        for same in ({"protocol": "tcp", "remote_ip_prefix": "10.0.0.5/24"}, {"protocol": 6, "remote_ip_prefix": "10.0.0.0/24"}):
            refused = await rule(lab, group, port_range_min=80, port_range_max=80, **same)
            assert refused.status == 409 and type_of(refused) == "SecurityGroupRuleExists" and first["id"] in message_of(refused)
        two = [{"security_group_id": group["id"], "direction": "ingress", "protocol": "udp"}] * 2
        refused = await lab.as_().post(RULES, {"security_group_rules": two})
        assert refused.status == 409 and type_of(refused) == "DuplicateSecurityGroupRuleInPost"
        assert (await rule(lab, group, protocol="tcp", port_range_min=80, port_range_max=80)).status == 201


async def test_foreign_groups_and_rules():
    async with Lab() as lab:
        group, other = await lab.make("security-groups", "security_group", name="g"), lab.as_(project="p2")
        mine = (await rule(lab, group)).json["security_group_rule"]
        theirs = await lab.make("security-groups", "security_group", by=other, name="h")
        for answer in (
            await other.get(f"{GROUPS}/{group['id']}"),
            await other.delete(f"{GROUPS}/{group['id']}"),
            await rule(lab, group, by=other),
            await other.put(f"{GROUPS}/{group['id']}", {"security_group": {"name": "x"}}),
            await other.get(f"{RULES}/{mine['id']}"),
            await other.delete(f"{RULES}/{mine['id']}"),
            await rule(lab, theirs, by=other, remote_group_id=group["id"]),
        ):
            assert answer.status == 404, answer.text
        assert group["id"] not in {g["id"] for g in (await other.get(GROUPS)).json["security_groups"]}
        by_admin = (await rule(lab, group, by=lab.admin, protocol="udp")).json["security_group_rule"]
        assert by_admin["project_id"] == "p1" and (await lab.as_().delete(f"{RULES}/{by_admin['id']}")).status == 204


async def test_a_group_that_goes_takes_rules_about_its_members_along():
    async with Lab() as lab:
        one, two = [await lab.make("security-groups", "security_group", name=name) for name in ("a", "b")]
        about = (await rule(lab, one, remote_group_id=two["id"])).json["security_group_rule"]
        assert (await lab.as_().delete(f"{GROUPS}/{two['id']}")).status == 204
        assert (await lab.as_().get(f"{RULES}/{about['id']}")).status == 404
