"""Remote consoles: tokens, the page, and the WebSocket that leads to the guest."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest

from pileus.compute.api import consoles
from pileus.compute.periodic import drop_console_tokens
from pileus.compute.store.tables import console_tokens

V21 = "/compute/v2.1"


async def ask(cloud, id: str, version="2.6", cloud_name="pileus", **wanted):
    caller = (await cloud.as_(cloud_name)).with_headers(OpenStack_API_Version=f"compute {version}")
    body = {"remote_console": {"protocol": "vnc", "type": "novnc"} | wanted}
    return await caller.post(f"{V21}/servers/{id}/remote-consoles", body)


async def link(cloud, id: str) -> str:
    """The path of the WebSocket, as the page makes it of its own address."""
    url = (await ask(cloud, id)).json["remote_console"]["url"]
    return "/" + parse_qs(urlsplit(url).query)["path"][0]


class Viewer:
    """A browser's WebSocket, spoken in ASGI."""

    def __init__(self, cloud, path: str, **headers: str):
        path, _, query = path.partition("?")
        sent = {"host": "cloud:8787", "sec-websocket-protocol": "binary"} | headers
        self.scope = {"type": "websocket", "path": path, "query_string": query.encode(), "scheme": "ws",
                      "headers": [(k.encode(), v.encode()) for k, v in sent.items()]}
        self.says: asyncio.Queue = asyncio.Queue()
        self.hears: asyncio.Queue = asyncio.Queue()
        self.says.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(cloud.cloud.app(self.scope, self.says.get, self.hears.put))

    async def heard(self):
        return await self.hears.get()


async def test_a_console_is_had_by_action_and_since_2_6_by_its_resource(cloud):
    id = await cloud.boot()
    old = await cloud.act(id, "os-getVNCConsole", {"type": "novnc"}, version="2.5")
    assert old.status == 200 and old.json["console"]["type"] == "novnc"
    assert (await cloud.act(id, "os-getVNCConsole", {"type": "novnc"}, version="2.6")).status == 404
    assert (await ask(cloud, id, version="2.5")).status == 404
    new = await ask(cloud, id)
    assert new.status == 200 and new.json["remote_console"].keys() == {"protocol", "type", "url"}
    for wanted, status in (({"type": "spice-html5", "protocol": "spice"}, 400), ({"type": "novnc", "protocol": "serial"}, 400),
                           ({"type": "telepathy"}, 400), ({"type": "serial", "protocol": "serial"}, 400)):
        assert (await ask(cloud, id, **wanted)).status == status, wanted


async def test_only_who_sees_the_server_gets_its_console(cloud):
    id = await cloud.boot()
    assert (await ask(cloud, id, cloud_name="pileus-alt")).status == 404
    assert (await ask(cloud, "00000000-0000-4000-8000-000000000000")).status == 404


async def test_a_server_that_is_off_has_no_console(cloud):
    id = await cloud.boot()
    path = await link(cloud, id)
    await cloud.act(id, "os-stop")
    await cloud.settle()
    assert (await ask(cloud, id)).status == 409
    assert (await Viewer(cloud, path).heard())["type"] == "websocket.close"


async def test_operators_see_where_a_token_leads(cloud):
    id = await cloud.boot()
    token = (await link(cloud, id)).partition("token=")[2]
    admin = (await cloud.as_("pileus-admin")).with_headers(OpenStack_API_Version="compute 2.31")
    shown = (await admin.get(f"{V21}/os-console-auth-tokens/{token}")).json["console"]
    assert shown["instance_uuid"] == id and shown["host"] == "127.0.0.1" and shown["port"] > 0 and "tls_port" not in shown
    latest = await admin.with_headers(OpenStack_API_Version="compute 2.99").get(f"{V21}/os-console-auth-tokens/{token}")
    assert latest.json["console"]["tls_port"] is None
    assert (await admin.with_headers(OpenStack_API_Version="compute 2.30").get(f"{V21}/os-console-auth-tokens/{token}")).status == 404
    assert (await admin.get(f"{V21}/os-console-auth-tokens/bad{token}")).status == 404
    assert (await (await cloud.as_()).get(f"{V21}/os-console-auth-tokens/{token}")).status == 403


async def test_the_token_itself_is_stored_nowhere(cloud):
    id = await cloud.boot()
    token = (await link(cloud, id)).partition("token=")[2]
    rows = await cloud.cloud.kit.db.rows(console_tokens.select())
    assert len(rows) == 1 and token not in str(rows)


async def test_a_link_opens_no_more_when_it_has_expired(cloud):
    id = await cloud.boot()
    path = await link(cloud, id)
    await cloud.settle(601)
    assert (await Viewer(cloud, path).heard())["type"] == "websocket.close"
    assert await drop_console_tokens(cloud.cloud.services.compute) in ("1 expired", None)
    assert not await cloud.cloud.kit.db.rows(console_tokens.select())


@pytest.mark.realtime
async def test_the_socket_carries_the_screen_both_ways_and_ends_with_the_server(cloud):
    id = await cloud.boot()
    viewer = Viewer(cloud, await link(cloud, id))
    assert await viewer.heard() == {"type": "websocket.accept", "subprotocol": "binary", "headers": []}
    assert (await viewer.heard())["bytes"] == b"RFB 003.008\n"
    viewer.says.put_nowait({"type": "websocket.receive", "bytes": b"RFB 003.008\n"})
    assert (await viewer.heard())["bytes"] == b"\x01\x01"
    await (await cloud.as_()).delete(f"{V21}/servers/{id}")
    async with asyncio.timeout(10):
        while (await viewer.heard())["type"] != "websocket.close":
            pass
        await viewer.task


@pytest.mark.realtime
async def test_a_viewer_that_leaves_lets_go_of_the_guest(cloud):
    id = await cloud.boot()
    viewer = Viewer(cloud, await link(cloud, id))
    await viewer.heard()
    viewer.says.put_nowait({"type": "websocket.disconnect", "code": 1001})
    async with asyncio.timeout(10):
        await viewer.task


@pytest.mark.parametrize("path", ["/console/socket", "/console/socket?token=", "/console/socket?token=bad", "/console/other?token=x"])
async def test_without_a_token_nothing_is_to_be_had(cloud, path):
    assert (await Viewer(cloud, path).heard())["type"] == "websocket.close"


@pytest.mark.realtime
@pytest.mark.parametrize(("origin", "admitted"), [
    ("http://cloud:8787", True), ("https://cloud:8787", True), ("https://dashboard", True), ("http://CLOUD:8787", True),
    ("http://evil", False), ("http://cloud:8787.evil", False), ("null", False), ("", False), ("file://cloud:8787", False),
    ("http://evil@cloud", False), ("http://[", False),
])  # fmt: skip
async def test_a_page_of_another_origin_is_refused_cve_2015_0259(origin, admitted):
    from tests.cloud import TestCloud

    async with TestCloud(real_time=True, compute={"console_origins": ["https://dashboard"]}) as cloud:
        id = await cloud.boot()
        viewer = Viewer(cloud, await link(cloud, id), origin=origin)
        assert (await viewer.heard())["type"] == ("websocket.accept" if admitted else "websocket.close")
        viewer.says.put_nowait({"type": "websocket.disconnect", "code": 1001})
        await viewer.task


async def test_the_page_is_ours_and_leads_nowhere_else(cloud, tmp_path, monkeypatch):
    """CVE-2021-3654 was an open redirect of files that are served: nothing here redirects."""
    (tmp_path / "novnc" / "core").mkdir(parents=True)
    (tmp_path / "novnc" / "core" / "rfb.js").write_text("export default 1;")
    (tmp_path / "secret.js").write_text("no")
    (tmp_path / "novnc" / "link.js").symlink_to(tmp_path / "secret.js")
    monkeypatch.setattr(consoles, "NOVNC", (str(tmp_path / "novnc"),))
    anybody = (await cloud.as_()).with_headers(X_Auth_Token="")
    got = await anybody.get("/console/vnc.html?path=console/socket")
    assert got.status == 200 and "noVNC" in got.text and "frame-ancestors 'none'" in got.headers["content-security-policy"]
    assert got.headers["referrer-policy"] == "no-referrer" and got.headers["cache-control"] == "no-store"
    assert (await anybody.get("/console/novnc/core/rfb.js")).headers["content-type"] == "text/javascript"
    for path in ("novnc/../secret.js", "novnc/link.js", "novnc/core", "novnc/%2e%2e/secret.js", "novnc//etc/passwd", "other.html",
                 "..", "//evil/%2f.."):
        found = await anybody.get(f"/console/{path}")
        assert found.status == 404 and "location" not in found.headers, path
