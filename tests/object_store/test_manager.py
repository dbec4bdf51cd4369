"""Starting and stopping a node's processes, as `swift-init` does it, and a cluster of three nodes by one command."""

import asyncio
import contextlib
import os
import signal
import socket
import time
import urllib.error
import urllib.request

import msgspec
import pytest

from pileus.cli import object_store as command
from pileus.cli import ring
from pileus.core.clock import Clock
from pileus.core.ids import Ids
from pileus.object_store.cluster.layout import lay_out
from pileus.object_store.cluster.manager import APART, MAIN, REST, Manager, named
from pileus.object_store.cluster.run import Process
from pileus.object_store.config import ObjectStoreConfig
from tests.object_store.cluster import SOURCE
from tests.ports import free_neighbourhood, free_port, free_ports

WHERE = {"identity": "http://127.0.0.1:9/v3"}


@pytest.fixture
def node(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    place, = lay_out(tmp_path, Ids(1), [free_ports(2)], part_power=4, devices=1, replicas=1, fsync="never")
    yield place
    command.kill("all", state=place.state)


def pid(place, name):
    return pid_in(place.state, name)


def test_servers_are_named_one_by_one_and_in_groups():
    assert named(["main"]) == MAIN and named(["rest"]) == REST and named(["all", "proxy"]) == MAIN + REST
    assert named(["proxy", "proxy-server"]) == ["proxy-server"] and named(["account*"]) == [n for n in REST if n.startswith("account")]
    assert named(["main"], apart=True) == ["account-server", "container-server", "object-server", "proxy-server"]
    assert named(["object"], apart=True) == ["object-server"] and "account-server" in named(["account*"], apart=True)
    with pytest.raises(ValueError, match="here storage-server has all kinds"):
        named(["object-server"])
    with pytest.raises(ValueError, match="here account-server and container-server and object-server have"):
        named(["storage"], apart=True)
    for wrong in ([], ["nobody"], ["proxy", "nobody"]):
        with pytest.raises(ValueError, match=r"named|none of"):
            named(wrong)


@pytest.mark.realtime
def test_what_is_started_runs_until_it_is_stopped(node, capsys):
    assert command.status("main", state=node.state) == 1
    assert command.start("storage", "daemons", state=node.state) == 0
    first = pid(node, "storage-server")
    assert command.start("storage", state=node.state) == 0 and pid(node, "storage-server") == first     # once is enough
    assert command.status("storage", "rest", "daemons", state=node.state) == 0
    assert command.start("object-updater", state=node.state) == 0 and pid(node, "object-updater") is None
    assert command.stop_("object-updater", state=node.state) == 1
    said = capsys.readouterr().out
    assert "daemons running" in said and "object-updater runs with all daemons" in said and "No storage-server running" in said
    assert command.once_("container-updater", state=node.state) == 0
    assert command.restart("storage", state=node.state) == 0 and pid(node, "storage-server") not in (None, first)
    os.kill(pid(node, "storage-server"), signal.SIGKILL)
    assert command.stop_("all", state=node.state) == 0
    assert [pid(node, name) for name in ("storage-server", "daemons")] == [None, None]
    assert command.stop_("all", state=node.state) == 0                                                  # nothing to stop is no failure


@pytest.mark.realtime
def test_why_one_does_not_come_up_is_said(node, capsys):
    (node.state / "node.json").write_text('{"storage_listen": "203.0.113.1:6200"}')
    assert command.start("storage", state=node.state) == 1
    assert "ended at once: OSError" in capsys.readouterr().out
    assert command.run("nobody", state=node.state) == 1 and command.run(state=node.state) == 1
    assert command.status("nobody", state=node.state) == 1


@pytest.mark.realtime
def test_what_runs_can_be_stopped_although_its_configuration_is_none_any_more(node, capsys):
    assert command.start("storage", state=node.state) == 0
    (node.state / "node.json").write_text('{"surprise": 1}')
    assert command.status("storage", state=node.state) == 0 and command.stop_("main", state=node.state) == 0
    assert command.start("storage", state=node.state) == 1 and "unknown field `surprise`" in capsys.readouterr().out
    (node.state / "node.json").unlink()
    (node.state / "pileus.toml").write_text("[object_store]\nsurprise = 1\n")
    assert command.status("storage", state=node.state) == 1 and "No storage-server running" in capsys.readouterr().out


@pytest.mark.realtime
def test_a_cluster_by_one_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    port = free_neighbourhood(200, 11)
    try:
        assert command.dev_cluster(state=tmp_path, nodes=1, replicas=1, port=port, **WHERE) == 0
        assert f"swift -A http://127.0.0.1:{port}/auth/v1.0" in capsys.readouterr().out
        user = {"X-Auth-User": "test:tester", "X-Auth-Key": "testing"}
        login = urllib.request.Request(f"http://127.0.0.1:{port}/auth/v1.0", headers=user)
        with urllib.request.urlopen(login, timeout=10) as answer:
            token, account = answer.headers["X-Auth-Token"], answer.headers["X-Storage-Url"]
        put = urllib.request.Request(account + "/c", method="PUT", headers={"X-Auth-Token": token})
        assert urllib.request.urlopen(put, timeout=10).status == 201
        assert ring.show(tmp_path / "rings" / "object.builder") == 0 and "1 devices" in capsys.readouterr().out
        # The rings are of one node: with two, the second would have nothing.
        assert command.dev_cluster(state=tmp_path, nodes=2, port=port, **WHERE) == 1
        assert command.dev_cluster(state=tmp_path, nodes=1, port=port + 10, **WHERE) == 1
        assert "other nodes, devices or ports" in capsys.readouterr().err and not (tmp_path / "node2").exists()
        assert str(port + 10) not in (tmp_path / "node1" / "node.json").read_text()
    finally:
        assert command.dev_cluster(state=tmp_path, stop=True) == 0
    assert pid_of(tmp_path) == [None] * 3


@pytest.mark.realtime
def test_each_kind_in_a_process_of_its_own(tmp_path, monkeypatch, capsys):
    """An object server that is away leaves listings; each server answers for its own kind only, and is reloaded by itself."""
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    port = free_neighbourhood(200, 1)
    node = tmp_path / "node1"

    def ask(method, path, data=None, at=port, **headers):
        asked = urllib.request.Request(f"http://127.0.0.1:{at}{path}", method=method, data=data,
                                       headers={name.replace("_", "-"): value for name, value in headers.items()})
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.headers, refused.read()

    try:
        assert command.dev_cluster(state=tmp_path, nodes=2, replicas=2, port=port, apart=True, **WHERE) == 0
        assert all(pid_in(node, name) for name in (*APART, "daemons")) and len({pid_in(node, name) for name in APART}) == len(APART)
        _, told, _ = ask("GET", "/auth/v1.0", X_Auth_User="test:tester", X_Auth_Key="testing")
        token = {"X_Auth_Token": told["X-Auth-Token"]}
        assert ask("PUT", "/v1/AUTH_test/c", **token)[0] == 201 and ask("PUT", "/v1/AUTH_test/c/o", b"hello", **token)[0] == 201
        assert ask("GET", "/v1/AUTH_test/c/o", at=port + 1, **token)[2] == b"hello"
        for further, kind in enumerate(("account", "container", "object")):
            for other in ("account", "container", "object"):
                status = ask("HEAD", f"/{other}/d1/0/AUTH_x" + ("/c" if other != "account" else "") + ("/o" if other == "object" else ""),
                             at=port - 200 + further)[0]
                assert status == 404, (kind, other)
            assert ask("PUT", f"/{('account', 'container', 'object')[further - 1]}/d1/0/AUTH_x/c/o", b"", at=port - 200 + further)[0] == 404
            assert ask("GET", "/recon/version", at=port - 200 + further)[0] == 200
        first = pid_in(node, "object-server")
        assert command.reload("object", state=node) == 0 and pid_in(node, "object-server") not in (None, first)
        for place in (node, tmp_path / "node2"):
            assert command.stop_("object-server", state=place) == 0
        assert ask("GET", "/v1/AUTH_test/c", **token)[2] == b"o\n" and ask("GET", "/v1/AUTH_test/c/o", **token)[0] == 503
        assert command.status("main", state=node) == 1 and "No object-server running" in capsys.readouterr().out
        assert command.start("object-server", state=node) == 0
        assert ask("GET", "/v1/AUTH_test/c/o", **token)[2] == b"hello"
        assert command.once_("object-replicator", "container-updater", state=node) == 0
        assert command.start("storage", state=node) == 1 and "have all kinds" in capsys.readouterr().err
    finally:
        assert command.dev_cluster(state=tmp_path, stop=True) == 0
    assert not any(pid_in(node, name) for name in (*APART, "daemons"))


def test_addresses_of_kinds_are_all_given_or_none():
    for wrong in ({"object_listen": "127.0.0.1:1"}, {f"{kind}_listen": "127.0.0.1:1" for kind in ("account", "container", "object")},
                  {"account_listen": "h:1", "container_listen": "h:2", "object_listen": "h:3", "replication_listen": "h:4"}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, ObjectStoreConfig)


def pid_in(folder, name):
    return Manager(folder, Clock()).pid(name)


def pid_of(folder):
    return [pid_in(folder / "node1", name) for name in (*MAIN, "daemons")]


@pytest.mark.realtime
async def test_a_daemon_that_waits_for_a_hung_server_ends_when_it_is_told(tmp_path):
    """It takes the connection and says nothing."""
    asked, until = asyncio.Event(), asyncio.Event()
    hung = await asyncio.start_server(lambda *_: asked.set(), "127.0.0.1", 0)
    port = hung.sockets[0].getsockname()[1]
    place, = lay_out(tmp_path, Ids(1), [(port, free_port())], part_power=4, devices=1, replicas=1)
    process = Process(place.config, place.state, ["container-updater"])
    part = process.store.rings["container"].partition("a", "c")
    process.store.node.containers.create(place.state / "devices" / "d1", part, process.store.hashing.hash("a", "c"), account="a",
                                         container="c", timestamp="1700000000.00000", id="one")
    running = asyncio.ensure_future(process.run(until))
    try:
        async with asyncio.timeout(10):
            await asked.wait()
            until.set()
            await running
    finally:
        hung.close()


@pytest.mark.realtime
def test_a_proxy_is_killed_in_the_middle_of_a_body(tmp_path, monkeypatch, capsys):
    """Of an upload that its proxy did not survive nothing is left on any device, and another proxy knows nothing of it."""
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    port = free_neighbourhood(200, 2)
    node = tmp_path / "node1"
    try:
        assert command.dev_cluster(state=tmp_path, nodes=2, replicas=2, port=port, **WHERE) == 0
        user = {"X-Auth-User": "test:tester", "X-Auth-Key": "testing"}
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/auth/v1.0", headers=user), timeout=10) as answer:
            token = answer.headers["X-Auth-Token"]
        asked = {"method": "PUT", "headers": {"X-Auth-Token": token}}
        assert urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/v1/AUTH_test/c", **asked), timeout=10).status == 201
        with socket.create_connection(("127.0.0.1", port)) as client:
            head = f"PUT /v1/AUTH_test/c/o HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {token}\r\nContent-Length: 10000000\r\n\r\n"
            client.sendall(head.encode() + bytes(4_000_000))
            wait_for(lambda: len(opened(tmp_path)) == 2)            # both replicas are being written
            os.kill(pid_in(node, "proxy-server"), signal.SIGKILL)
            client.settimeout(10)
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(100) == b""
        wait_for(lambda: not opened(tmp_path))
        with pytest.raises(urllib.error.HTTPError, match="404"):
            other = urllib.request.Request(f"http://127.0.0.1:{port + 1}/v1/AUTH_test/c/o", headers=asked["headers"])
            urllib.request.urlopen(other, timeout=10)
        assert not [path for path in tmp_path.glob("node*/devices/*/objects/**/*") if path.is_file() and path.suffix == ".data"]
        assert command.start("proxy", state=node) == 0
        body = urllib.request.Request(f"http://127.0.0.1:{port}/v1/AUTH_test/c/o", data=b"whole", **asked)
        assert urllib.request.urlopen(body, timeout=10).status == 201
    finally:
        assert command.dev_cluster(state=tmp_path, stop=True) == 0


def opened(folder):
    """Descriptors of storage servers that are of files without a name, or of ones that are not whole yet."""
    found = []
    for node in ("node1", "node2"):
        number = pid_in(folder / node, "storage-server")
        for descriptor in os.listdir(f"/proc/{number}/fd"):
            try:
                target = os.readlink(f"/proc/{number}/fd/{descriptor}")
            except OSError:
                continue
            if str(folder / node / "devices") in target and (target.endswith("(deleted)") or "/tmp/" in target.removeprefix(str(folder))):
                found.append(target)
    return found


def wait_for(holds, seconds=20.0):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
