"""Lists of servers by what is asked of them, what belongs to a server, and the records of what was done, version by version."""

# SPDX-License-Identifier: Apache-2.0
import pytest

from tests.cloud import TestCloud

COMPUTE = "/compute/v2.1"


async def at(cloud, version, who="pileus"):
    return (await cloud.as_(who)).with_headers(OpenStack_API_Version=f"compute {version}")


async def names(cloud, query, version="2.104", who="pileus"):
    got = await (await at(cloud, version, who)).get(f"{COMPUTE}/servers/detail?{query}")
    assert got.status == 200, got.text
    return [server["name"] for server in got.json["servers"]]


async def three(cloud):
    """Three servers, a minute apart: their ids by name, and the moments before each."""
    ids, moments = {}, []
    for name, tags in (("a", ["red"]), ("b", ["red", "blue"]), ("c", [])):
        moments.append(cloud.cloud.kit.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"))
        ids[name] = await cloud.boot(name=name, tags=tags)
        await cloud.settle(60)
    return ids, moments


async def test_a_moment_that_was_shown_to_the_second_means_all_of_it(cloud):
    await cloud.settle(0.4)
    server = await cloud.boot(name="a")
    updated = (await cloud.show(server))["updated"]
    assert cloud.cloud.kit.clock.now().microsecond and await names(cloud, f"changes-before={updated}&changes-since={updated}") == ["a"]


async def test_servers_by_tags_times_states_and_order(cloud):
    ids, moments = await three(cloud)
    await cloud.act(ids["b"], "os-stop")
    await cloud.act(ids["c"], "lock")
    await cloud.settle(1)
    for query, wanted in (
            ("", ["c", "b", "a"]), ("sort_key=display_name&sort_dir=asc", ["a", "b", "c"]), ("tags=red", ["b", "a"]),
            ("tags=red,blue", ["b"]), ("tags-any=blue,green", ["b"]), ("not-tags=red,blue", ["c", "a"]), ("not-tags-any=blue", ["c", "a"]),
            ("status=SHUTOFF", ["b"]), ("status=ACTIVE&status=SHUTOFF", ["c", "b", "a"]), ("locked=true", ["c"]),
            ("locked=false", ["b", "a"]),
            ("vm_state=stopped", ["b"]), ("power_state=4", ["b"]), ("name=^[ab]$", ["b", "a"]), ("flavor=42", ["c", "b", "a"]),
            (f"image={await cloud.image()}&limit=1", ["c"]), (f"limit=2&marker={ids['c']}", ["b", "a"]),
            ("availability_zone=nova", ["c", "b", "a"]), (f"changes-before={moments[1]}", ["a"]), ("config_drive=true", []),
            (f"uuid={ids['a']}", ["c", "b", "a"])):
        assert await names(cloud, query) == wanted, query
    assert await names(cloud, f"changes-since={moments[2]}&sort_key=display_name&sort_dir=asc") == ["b", "c"]
    assert await names(cloud, "vm_state=stopped", version="2.82") == ["c", "b", "a"], "before 2.83 only administrators could ask so"
    assert await names(cloud, "vm_state=stopped&all_tenants=1", version="2.82", who="pileus-admin") == ["b"]
    assert (await (await cloud.as_("pileus")).get(f"{COMPUTE}/servers?marker=nobody")).status == 400
    for query, wanted in ((f"uuid={ids['a']}", ["a"]), ("host=h1", ["c", "b", "a"]), ("host=h2", []), ("launch_index=0", ["c", "b", "a"]),
                          (f"project_id={await cloud.project('pileus-alt')}", []), ("hostname=b", ["b"]), ("node=h1", ["c", "b", "a"])):
        assert await names(cloud, query + "&all_tenants=1", who="pileus-admin") == wanted, query
    assert await names(cloud, "", who="pileus-alt") == []
    assert (await (await at(cloud, "2.75")).get(f"{COMPUTE}/servers?colour=blue")).status == 400
    assert (await (await at(cloud, "2.74")).get(f"{COMPUTE}/servers?colour=blue")).status == 200
    assert (await (await at(cloud, "2.65")).get(f"{COMPUTE}/servers?changes-before=yesterday")).status in (200, 400)
    assert (await (await at(cloud, "2.104")).get(f"{COMPUTE}/servers?sort_key=id_of_whoever")).status == 400


async def test_what_belongs_to_a_server(cloud):
    id, member, other = await cloud.boot(), await at(cloud, "2.94"), await at(cloud, "2.94", "pileus-alt")
    one = f"{COMPUTE}/servers/{id}"
    assert (await member.put(f"{one}/tags", {"tags": ["a", "b"]})).json == {"tags": ["a", "b"]}
    assert (await member.put(f"{one}/tags/c")).status == 201 and (await member.put(f"{one}/tags/c")).status == 204
    assert (await member.get(f"{one}/tags/c")).status == 204 and (await member.get(f"{one}/tags/z")).status == 404
    assert (await member.delete(f"{one}/tags/a")).status == 204 and (await member.delete(f"{one}/tags/a")).status == 404
    assert (await member.put(f"{one}/tags", {"tags": ["x" * 61]})).status == 400
    assert (await member.put(f"{one}/tags", {"tags": [str(n) for n in range(51)]})).status == 400
    assert (await member.get(f"{one}/tags")).json == {"tags": ["b", "c"]}
    assert (await member.delete(f"{one}/tags")).status == 204 and (await cloud.show(id))["tags"] == []
    assert (await (await at(cloud, "2.25")).get(f"{one}/tags")).status == 404

    assert (await member.post(f"{one}/metadata", {"metadata": {"k": "v"}})).json == {"metadata": {"k": "v"}}
    assert (await member.put(f"{one}/metadata/l", {"meta": {"l": "w"}})).json == {"meta": {"l": "w"}}
    assert (await member.put(f"{one}/metadata/l", {"meta": {"m": "w"}})).status == 400
    assert (await member.put(f"{one}/metadata", {"metadata": {"only": "this"}})).json == {"metadata": {"only": "this"}}
    assert (await member.delete(f"{one}/metadata/only")).status == 204 and (await member.get(f"{one}/metadata/only")).status == 404
    assert (await member.post(f"{one}/metadata", {"metadata": {"k": "x" * 256}})).status == 400
    for path in ("tags", "metadata"):
        assert (await other.get(f"{one}/{path}")).status == 404

    got = await member.put(one, {"server": {"name": "new", "description": "d", "hostname": "host.example.org", "accessIPv4": "1.2.3.4"}})
    server = got.json["server"]
    assert (server["name"], server["description"], server["OS-EXT-SRV-ATTR:hostname"], server["accessIPv4"]) == (
        "new", "d", "host.example.org", "1.2.3.4")
    assert (await (await at(cloud, "2.18")).put(one, {"server": {"description": "d"}})).status == 400
    assert (await (await at(cloud, "2.89")).put(one, {"server": {"hostname": "h"}})).status == 400
    assert (await other.put(one, {"server": {"name": "mine"}})).status == 404


@pytest.mark.parametrize("version", ["2.1", "2.50", "2.51", "2.58", "2.62", "2.84"])
async def test_the_record_of_a_failure_at_each_version(version):
    async with TestCloud() as cloud:
        cloud.drivers["h1"].fails = {"spawn"}
        id = (await cloud.order()).json["server"]["id"]
        await cloud.settle()
        member, admin = await at(cloud, version), await at(cloud, version, "pileus-admin")
        path, number = f"{COMPUTE}/servers/{id}/os-instance-actions", int(version.split(".")[1])
        (action,) = (await member.get(path)).json["instanceActions"]
        assert (action["action"], action["instance_uuid"]) == ("create", id) and ("updated_at" in action) == (number >= 58)
        seen = (await member.get(f"{path}/{action['request_id']}")).json["instanceAction"]
        assert ("events" in seen) == (number >= 51)
        for event in seen.get("events", ()):
            assert "traceback" not in event and "host" not in event and "details" not in event and ("hostId" in event) == (number >= 62)
        known = (await admin.get(f"{path}/{action['request_id']}")).json["instanceAction"]
        for event in known["events"]:
            assert "traceback" in event and ("host" in event) == (number >= 62) and ("details" in event) == (number >= 84)
        if number >= 58:
            assert (await member.get(f"{path}?limit=1")).json["links"][0]["rel"] == "next"
        assert (await (await at(cloud, version, "pileus-alt")).get(path)).status == 404


async def test_what_later_versions_show_of_how_a_server_was_ordered(cloud):
    """Certificates since 2.63, the image's properties since 2.98, hints since 2.100."""
    hints, certificates, image = {"query": '["=", "$host", "h1"]'}, ["one", "two"], await cloud.image()
    patcher = (await cloud.as_("pileus-admin")).with_headers(Content_Type="application/openstack-images-v2.1-json-patch")
    patch = [{"op": "add", "path": f"/{name}", "value": "virtio"} for name in ("hw_disk_bus", "colour")]
    assert (await patcher.patch(f"/image/v2/images/{image}", patch)).status == 200
    got = await cloud.order(trusted_image_certificates=certificates, hints=hints)
    id = got.json["server"]["id"]
    await cloud.settle()
    for version, shown in (("2.62", set()), ("2.63", {"trusted_image_certificates"}),
                           ("2.104", {"trusted_image_certificates", "scheduler_hints"})):
        server = await cloud.show(id, version)
        assert {"trusted_image_certificates", "scheduler_hints"} & server.keys() == shown, version
    assert (server["trusted_image_certificates"], server["scheduler_hints"]) == (certificates, hints)
    assert "properties" not in (await cloud.show(id, "2.97"))["image"]
    assert server["image"]["properties"]["hw_disk_bus"] == "virtio" and "colour" not in server["image"]["properties"]
    assert (await cloud.act(id, "rebuild", {"imageRef": image, "trusted_image_certificates": None})).status == 202
    await cloud.settle()
    assert (await cloud.show(id))["trusted_image_certificates"] is None
    assert (await cloud.order(version="2.62", trusted_image_certificates=certificates)).status == 400
