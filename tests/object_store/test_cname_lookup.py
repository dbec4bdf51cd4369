"""Hosts that are aliases of storage domains."""

import asyncio

import pytest

from tests.object_store.harness import TestStore

DOMAINS = {"storage_domains": ["example.com"]}


class Zone:
    """Names and what they are aliases of; counts what is asked."""

    def __init__(self, **names):
        self.names, self.asked = {name.replace("_", "."): to for name, to in names.items()}, []

    async def __call__(self, name):
        self.asked.append(name)
        return (30.0, self.names[name]) if name in self.names else (60.0, "")


def store(zone, **options):
    made = TestStore(cname_lookup=DOMAINS | options, domain_remap={"storage_domains": ["example.com"]})
    made.zone = zone
    return made


async def site(made):
    made.objects.store.features["CnameLookup"].lookup = made.zone
    alice = made.as_("alice")
    await alice.put("/c", X_Container_Read=".r:*", Host="example.com")
    await alice.put("/c/o", b"hello", Host="example.com")
    return made.anonymous()


async def test_an_alias_is_what_it_stands_for():
    zone = Zone(www_mine_org="c.AUTH-alice.example.com", other_mine_org="elsewhere.org")
    async with store(zone) as made:
        anybody = await site(made)
        assert (await anybody.get("//o", Host="www.mine.org")).data == b"hello"
        assert (await anybody.get("//o", Host="www.mine.org:8080")).data == b"hello"
        assert zone.asked == ["www.mine.org"]           # the second time it is known
        assert (await anybody.get("//o", Host="c.AUTH-alice.example.com")).data == b"hello"
        assert (await anybody.get("/c/o", Host="192.0.2.7:8080")).data == b"hello"
        assert (await anybody.get("/c/o", Host="[2001:db8::1]:80")).data == b"hello"
        for host, why in (("other.mine.org", "after 1 tries"), ("nobody.org", "to resolve to a valid domain")):
            got = await anybody.get("//o", Host=host)
            assert got.status == 400 and why in got.text
        assert (await anybody.get("//info")).json["cname_lookup"] == {"lookup_depth": 1}


async def test_what_was_found_is_believed_for_a_while():
    zone = Zone(www_mine_org="c.AUTH-alice.example.com")
    async with store(zone) as made:
        anybody = await site(made)
        await anybody.get("//o", Host="www.mine.org")
        await anybody.get("//o", Host="nobody.org")
        zone.names["nobody.org"] = "c.AUTH-alice.example.com"
        assert (await anybody.get("//o", Host="nobody.org")).status == 400
        await asyncio.sleep(61)
        assert (await anybody.get("//o", Host="nobody.org")).data == b"hello"
        del zone.names["www.mine.org"]
        assert (await anybody.get("//o", Host="www.mine.org")).status == 400


async def test_aliases_of_aliases():
    zone = Zone(a_org="b.org", b_org="c.AUTH-alice.example.com", loop_org="loop.org")
    async with store(zone, lookup_depth=2) as made:
        anybody = await site(made)
        assert (await anybody.get("//o", Host="a.org")).data == b"hello"
        assert (await anybody.get("//o", Host="loop.org")).status == 400


async def test_nothing_is_looked_up_unless_that_is_wanted(store):
    assert "cname_lookup" not in (await store.anonymous().get("//info", Host="nobody.org")).json


@pytest.mark.realtime
async def test_a_name_server_is_asked():
    message = pytest.importorskip("dns.message", reason="the extra `dns` is not installed")
    rrset = pytest.importorskip("dns.rrset")

    from pileus.object_store.pipeline.cname_lookup import resolver

    class Server(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, address):
            query = message.from_wire(data)
            answer, name = message.make_response(query), query.question[0].name
            if name.to_text() == "www.mine.org.":
                answer.answer.append(rrset.from_text(name, 77, "IN", "CNAME", "c.alice.example.com."))
            else:
                answer.set_rcode(3)
            self.transport.sendto(answer.to_wire(), address)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    try:
        lookup = resolver([f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"])
        assert await lookup("www.mine.org") == (77.0, "c.alice.example.com")
        assert await lookup("nobody.org") == (60.0, "")
    finally:
        transport.close()
