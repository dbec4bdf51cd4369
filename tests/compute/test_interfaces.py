"""Network interfaces of servers, as the API shows them."""

COMPUTE = "/compute/v2.1"


async def test_an_interface_has_its_tag(cloud):
    id, member = await cloud.boot(), (await cloud.as_()).with_headers(OpenStack_API_Version="compute 2.70")
    wanted = {"net_id": await cloud.network(), "tag": "public"}
    port = (await member.post(f"{COMPUTE}/servers/{id}/os-interface", {"interfaceAttachment": wanted})).json["interfaceAttachment"]
    assert port["tag"] == "public"
    assert (await member.get(f"{COMPUTE}/servers/{id}/os-interface/{port['port_id']}")).json["interfaceAttachment"] == port
    assert (await member.get(f"{COMPUTE}/servers/{id}/os-interface")).json["interfaceAttachments"] == [port]
