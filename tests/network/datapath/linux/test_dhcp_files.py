"""What dnsmasq is told: pure text, whatever tenants wish for."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pileus.network.datapath.base import Lease, Network, Subnet
from pileus.network.datapath.linux import dhcp
from pileus.network.datapath.linux.model import Dhcp, Options
from tests.network.datapath import states
from tests.network.datapath.linux.lab import missing

OPTIONS = Options(tag="one", domain="cloud.test", resolvers=("9.9.9.9",))


def planned(subnet: Subnet, options: Options = OPTIONS) -> Dhcp:
    net = replace(states.network(1), subnets=(subnet,))
    assert net.dhcp_port
    return dhcp.plan(net, net.dhcp_port, "ns-0", options)


def of(*leases: Lease, **fields) -> Dhcp:
    return planned(Subnet(**{"id": "s", "cidr": "10.21.0.0/24", "gateway": "10.21.0.1", "leases": leases, **fields}))


def lease(**fields) -> Lease:
    return Lease(**{"mac": "fa:16:3e:00:00:01", "ip": "10.21.0.10", "hostname": "web", **fields})


def test_files():
    told = of(lease(options={"67": "pxe.0", "tftp-server": "10.0.0.1"}), dns=("1.1.1.1", "fd00::1"), routes=(("10.9.0.0/16", "10.21.0.7"),))
    assert told.files == {
        "hosts": "fa:16:3e:00:00:01,10.21.0.10,web\n",
        "names": "10.21.0.10 web.cloud.test web\n",
        "options": "tag:subnet-10-21-0-0-24,option:dns-server,1.1.1.1\n"
        "tag:subnet-10-21-0-0-24,option:router,10.21.0.1\n"
        "tag:subnet-10-21-0-0-24,option:classless-static-route,"
        "10.9.0.0/16,10.21.0.7,169.254.169.254/32,10.21.0.2,0.0.0.0/0,10.21.0.1\n"
        "tag:subnet-10-21-0-0-24,249,10.9.0.0/16,10.21.0.7,169.254.169.254/32,10.21.0.2,0.0.0.0/0,10.21.0.1\n"
        "tag:port-10-21-0-10,67,pxe.0\n"
        "tag:port-10-21-0-10,option:tftp-server,10.0.0.1\n",
    }
    assert "--dhcp-mac=set:port-10-21-0-10,fa:16:3e:00:00:01" in told.arguments
    assert "--server=9.9.9.9" in told.arguments


def test_resolvers_that_cannot_be_reached_from_a_namespace_are_left_out():
    told = planned(Subnet(id="s", cidr="10.21.0.0/24"), replace(OPTIONS, resolvers=("127.0.0.53", "::1", "9.9.9.9", "x\ny")))
    assert [one for one in told.arguments if one.startswith("--server")] == ["--server=9.9.9.9"]


def test_without_gateway_and_name_servers():
    """No router is told, not even this server; it is the name server itself."""
    options = of(gateway=None).files["options"]
    assert "option:router\n" in options and "0.0.0.0/0" not in options
    assert "option:dns-server,10.21.0.2\n" in options


def test_only_ipv4_subnets_with_dhcp():
    told = planned(Subnet(id="s", cidr="fd00::/64", leases=(lease(ip="fd00::10"),)))
    assert not any(told.files.values()) and not any("--dhcp-range" in argument for argument in told.arguments)
    assert not any(of(lease(), dhcp=False).files.values())


@pytest.mark.parametrize("name", ["ignore", "infinite", "7", "24h", "5m", "", "-x", "a,b", "a\nb", "x" * 64, "set:evil", "ä"])
def test_names_that_dnsmasq_would_read_as_something_else_are_left_out(name):
    told = of(lease(hostname=name))
    assert told.files["hosts"] == "fa:16:3e:00:00:01,10.21.0.10\n" and told.files["names"] == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [("bootfile-name", "x\ndhcp-script=/bin/sh"), ("66", "a\r\nb"), ("a\nb", "x"), ("", "x"), ("a,b", "x"), ("option:x", "y")],
)
def test_ossa_2021_005_an_option_is_one_line(name, value):
    assert "tag:port" not in of(lease(options={name: value})).files["options"]


text = st.text(max_size=12)


@settings(max_examples=200, deadline=None)
@given(name=text, value=text, hostname=text, domain=text)
def test_whatever_is_wished_for_the_number_of_lines_is_ours(name, value, hostname, domain):
    subnet = Subnet(id="s", cidr="10.21.0.0/24", gateway="10.21.0.1", leases=(lease(hostname=hostname, options={name: value}),))
    told = planned(subnet, replace(OPTIONS, domain=domain))
    lines = {file: content.split("\n") for file, content in told.files.items()}
    assert len(lines["hosts"]) == 2 and len(lines["names"]) <= 2 and len(lines["options"]) <= 6
    assert all(argument.startswith("--") and argument.isprintable() for argument in told.arguments)


@pytest.mark.skipif("dnsmasq" in missing, reason="needs dnsmasq")
def test_dnsmasq_takes_the_arguments():
    told = of(lease(options={"67": "pxe.0"}))
    done = subprocess.run(["dnsmasq", "--test", *told.arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_network_without_subnets():
    net = Network(id="n", dhcp_port=states.network(1).dhcp_port)
    assert not any(dhcp.plan(net, net.dhcp_port, "ns-0", OPTIONS).files.values())
