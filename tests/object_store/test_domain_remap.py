"""Accounts and containers named by the host."""

import pytest

from pileus.object_store.pipeline.domain_remap import names_of
from tests.object_store.harness import TestStore


@pytest.fixture
def store():
    return TestStore(domain_remap={"storage_domains": ["cloud.example"]})


@pytest.mark.parametrize(("host", "path"), [("AUTH_alice.cloud.example", "/c/o"), ("auth-alice.cloud.example:8080", "/c/o"),
                                            ("c.AUTH_alice.cloud.example", "/o")])
async def test_a_host_stands_for_the_beginning_of_the_path(store, host, path):
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", b"hello")
    assert (await alice.get("/" + path, Host=host)).data == b"hello"


async def test_other_hosts_and_other_accounts_mean_nothing(store):
    alice = store.as_("alice")
    assert (await alice.get("//o", Host="a.b.AUTH_alice.cloud.example")).status == 400
    assert (await alice.get("//o", Host="other_alice.cloud.example")).status == 412
    assert (await alice.put("/c", Host="elsewhere.example")).status == 201


async def test_redirections_are_told_in_the_clients_words(store):
    alice = store.as_("alice")
    await alice.put("/c", X_Container_Read=".r:*,.rlistings", X_Container_Meta_Web_Listings="true")
    await alice.put("/c/sub/o", b"")
    away = await store.anonymous().get("//sub", Host="c.AUTH_alice.cloud.example")
    assert away.headers["location"] == "http://c.AUTH_alice.cloud.example/sub/"


def test_what_is_below_a_domain():
    assert names_of("a.b.x.org:80", ["x.org"]) == ["a", "b"]
    assert names_of("x.org", ["x.org"]) is None and names_of("ax.org", [".x.org"]) is None and names_of("", ["x.org"]) is None
