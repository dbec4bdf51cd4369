"""The HTTP kit, with a tiny service of its own."""

import asyncio
from typing import Annotated

import falcon.testing
import msgspec

from pileus.core import errors
from pileus.core.context import Context
from pileus.core.http import Api, Change, Microversions, Reply, Route, since, until
from pileus.core.http.app import Edge, build
from pileus.core.http.microversion import without
from pileus.core.ids import Ids
from pileus.core.metrics import Metrics
from pileus.core.policy import Default, Policy


class Thing(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    tags: Annotated[list[str], since(2, 5)] = []
    colour: Annotated[str, until(2, 8)] = "grey"


class ThingCreate(msgspec.Struct, forbid_unknown_fields=True):
    thing: Thing


async def found(req, thing_id):
    req.found = f"found {thing_id}"
    return {"project_id": req.who.project_id}


async def show_found(req, thing_id):
    return {"thing": {"found": req.found}}


async def show(req, thing_id):
    if thing_id == "none":
        raise errors.NotFound()
    if thing_id == "bug":
        raise RuntimeError("secret detail")
    return {"thing": {"id": thing_id, "tags": [], "owner": req.who.project_id, "number": 7}}


async def create(req, body):
    return {"thing": msgspec.to_builtins(body.thing)}


async def old(req):
    return Reply(203, {"old": True}, {"x-more": "1"})


async def empty(req):
    return Reply(202)


API = Api(
    name="thing", root="/thing",
    routes=[
        Route("GET", "/v2/things/{thing_id}", show, policy="thing:show"),
        Route("POST", "/v2/things", create, policy="thing:create", body=ThingCreate, ok=202),
        Route("GET", "/v2/things/{thing_id}/found", show_found, policy="thing:show", target=found),
        Route("GET", "/v2/old", old, policy="thing:show", until=(2, 3)),
        Route("GET", "/v2/empty", empty, policy="thing:show"),
        Route("GET", "/", old),
    ],
    render=lambda error, req: ({}, {"error": {"code": error.status, "message": str(error)}}),
    microversions=Microversions("thing", (2, 1), (2, 9), [
        Change(version=(2, 7), title="owner is shown", response=without("owner", under="thing")),
        Change(version=(2, 9), title="numbers are gone", retire=without("number", under="thing")),
    ]),
)


async def authenticate(req):
    if req.header("x-auth-token") != "good":
        raise errors.Unauthenticated()
    return Context(user_id="u", project_id="p", roles=frozenset({"member"}))


def client():
    policy = Policy({"thing:show": Default("role:member", None, ""), "thing:create": Default("role:member", None, "")})
    edge = Edge(services=None, authenticate=authenticate, policy=policy, ids=Ids(1), metrics=Metrics())
    return falcon.testing.TestClient(build([API], edge))


def call(method, path, *, version=None, token="good", **kw):
    headers = {"X-Auth-Token": token} if token else {}
    if version:
        headers["OpenStack-API-Version"] = f"thing {version}"
    return client().simulate_request(method, path, headers=headers, **kw)


def test_answers_with_request_id_and_version():
    got = call("GET", "/thing/v2/things/1", version="2.9")
    assert got.status_code == 200 and got.json["thing"]["owner"] == "p"
    assert got.headers["x-openstack-request-id"].startswith("req-")
    assert got.headers["openstack-api-version"] == "thing 2.9" and "OpenStack-API-Version" in got.headers["vary"]


def test_a_body_that_is_nested_too_deeply_is_refused():
    for version in ("2.4", "latest"):
        got = call("POST", "/thing/v2/things", version=version, body='{"thing":' * 5000)
        assert got.status_code == 400 and "nested" in got.json["error"]["message"]


def test_an_older_version_sees_the_older_answer():
    assert "owner" not in call("GET", "/thing/v2/things/1", version="2.6").json["thing"]
    assert "owner" in call("GET", "/thing/v2/things/1", version="latest").json["thing"]


def test_a_field_is_refused_before_its_version():
    body = {"thing": {"name": "n", "tags": ["a"]}}
    assert call("POST", "/thing/v2/things", version="2.5", json=body).status_code == 202
    assert call("POST", "/thing/v2/things", version="2.9", json=body).status_code == 202
    refused = call("POST", "/thing/v2/things", version="2.4", json=body)
    assert refused.status_code == 400 and "tags" in refused.json["error"]["message"]


def test_what_a_version_took_away_is_gone_from_it_on():
    assert call("GET", "/thing/v2/things/1", version="2.8").json["thing"]["number"] == 7
    for version in ("2.9", "latest"):
        assert "number" not in call("GET", "/thing/v2/things/1", version=version).json["thing"]
    body = {"thing": {"name": "n", "colour": "red"}}
    assert call("POST", "/thing/v2/things", version="2.8", json=body).status_code == 202
    assert call("POST", "/thing/v2/things", version="2.9", json=body).status_code == 400


def test_routes_end_at_their_version():
    assert call("GET", "/thing/v2/old", version="2.3").status_code == 203
    assert call("GET", "/thing/v2/old", version="2.4").status_code == 404


def test_version_errors():
    assert call("GET", "/thing/v2/things/1", version="2.99").status_code == 406
    assert call("GET", "/thing/v2/things/1", version="two").status_code == 400


def test_bad_bodies():
    for raw in (b"{", b"\xff", b"[]", b'{"thing": {"name": 1}}', b'{"thing": {"name": "n", "x": 1}}', b""):
        assert call("POST", "/thing/v2/things", version="2.9", body=raw, ).status_code == 400, raw
        assert call("POST", "/thing/v2/things", body=raw).status_code == 400, raw
    assert call("POST", "/thing/v2/things", body=b"x" * (2 << 20)).status_code == 413


def test_the_character_that_no_database_keeps_is_refused():
    """PostgreSQL takes no U+0000 in a text, and would say so with an error 500."""
    for body in (rb'{"thing": {"name": "a\u0000b"}}', rb'{"thing": {"name": "\\\u0000"}}'):
        assert call("POST", "/thing/v2/things", body=body).status_code == 400, body
    fine = call("POST", "/thing/v2/things", body=rb'{"thing": {"name": "\\u0000"}}')
    assert fine.json["thing"]["name"] == "\\u0000"  # a backslash and five characters
    assert call("GET", "/thing/v2/things/a%00").status_code == 400
    assert call("GET", "/thing/v2/things/a", query_string="x=%00").status_code == 400


def test_envelopes_for_everything():
    assert call("GET", "/thing/v2/things/1", token=None).status_code == 401
    assert call("GET", "/thing/v2/things/1", token="bad").json["error"]["code"] == 401
    assert call("GET", "/thing/v2/things/none").json["error"]["code"] == 404
    assert call("GET", "/thing/v2/nowhere").json["error"]["code"] == 404
    assert call("DELETE", "/thing/v2/things/1").json["error"]["code"] == 405
    assert call("DELETE", "/thing/v2/things").status_code == 405
    assert call("DELETE", "/thing/v2/things/").status_code == 404       # a thing with an empty id
    broken = call("GET", "/thing/v2/things/bug")
    assert broken.status_code == 500 and "secret" not in broken.text


def test_head_is_get_without_a_body():
    got = call("HEAD", "/thing/v2/things/1")
    assert got.status_code == 200 and got.text == ""


def test_a_handler_need_not_look_up_what_the_target_found():
    assert call("GET", "/thing/v2/things/1/found").json["thing"]["found"] == "found 1"


def test_public_routes_need_no_token():
    got = call("GET", "/thing/", token=None)
    assert got.status_code == 203 and got.headers["x-more"] == "1"


def test_a_length_that_is_no_number_is_refused():
    got = client().simulate_request("POST", "/thing/v2/things", headers={"X-Auth-Token": "good", "Content-Length": "hi mom"})
    assert got.status_code == 400 and "content-length header must be an integer" in got.text


async def test_half_a_body_is_not_taken_for_a_whole_one():
    """A client that goes away ends the stream with an error, not like the end of the body."""
    from tests.wire import pieces, send

    async def length(req):
        return {"length": sum([len(chunk) async for chunk in req.stream])}

    api = Api(name="bytes", root="/bytes", routes=[Route("PUT", "/", length, stream=True)],
              render=lambda error, req: ({}, {"code": error.code}))
    app = build([api], Edge(services=None, authenticate=authenticate, policy=Policy({}), ids=Ids(1), metrics=Metrics()))
    whole = await send(app, "PUT", "/bytes", pieces(b"12", b"345"))
    assert (whole.status, whole.data) == (200, b'{"length":5}')
    half = await send(app, "PUT", "/bytes", pieces(b"12", b"345"), cut=True)
    assert (half.status, half.data) == (400, b'{"code":"http.disconnected"}')


async def test_who_is_refused_amid_a_body_is_told_that_the_connection_ends():
    """The server reads no further and hangs up: a client that is not told would send its next request to nobody."""
    from tests.wire import pieces, send

    async def refuse(req):
        async for _ in req.stream:
            raise errors.TooLarge()

    async def read(req):
        async for _ in req.stream:
            pass
        raise errors.Conflict()

    api = Api(name="bytes", root="/bytes", routes=[Route("PUT", "/", refuse, stream=True), Route("POST", "/", read, stream=True)],
              render=lambda error, req: ({}, {"code": error.code}))
    app = build([api], Edge(services=None, authenticate=authenticate, policy=Policy({}), ids=Ids(1), metrics=Metrics()))
    body, chunked = [b"x" * 10_000] * 5, {"Transfer-Encoding": "chunked"}
    for method, headers, told in (("PUT", {"Content-Length": "50000"}, "close"), ("PUT", chunked, "close"), ("POST", chunked, None),
                                  ("POST", {"Content-Length": "50000"}, None)):
        got = await send(app, method, "/bytes", pieces(*body), headers)
        assert (got.status, got.headers.get("connection")) == (413 if method == "PUT" else 409, told)
    for length in ("3", "x"):
        small = await send(app, "PUT", "/bytes", pieces(b"12", b"3"), {"Content-Length": length})
        assert small.status >= 400 and "connection" not in small.headers


def test_an_unknown_path_answers_at_the_version_asked_for():
    assert call("GET", "/thing/v2/nowhere", version="2.6").headers["openstack-api-version"] == "thing 2.6"
    assert call("DELETE", "/thing/v2/things/1", version="2.6").headers["openstack-api-version"] == "thing 2.6"
    assert call("GET", "/thing/v2/nowhere", version="9.9").headers["openstack-api-version"] == "thing 2.1"


def test_no_content_has_no_type():
    got = call("GET", "/thing/v2/empty")
    assert got.status_code == 202 and got.text == "" and "content-type" not in got.headers


async def test_a_stream_ends_when_nobody_listens_any_more():
    sent, closed = [], asyncio.Event()

    async def endless():
        try:
            while True:
                await asyncio.sleep(1)
                sent.append(1)
                yield b"x" * 1000
        finally:
            closed.set()

    async def download(req):
        return Reply(200, stream=endless(), length=10**9, content_type="application/octet-stream")

    api = Api(name="bytes", root="/bytes", routes=[Route("GET", "/", download)], render=lambda error, req: ({}, {}))
    app = build([api], Edge(services=None, authenticate=authenticate, policy=Policy({}), ids=Ids(1), metrics=Metrics()))
    events = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive():
        if events:
            return events.pop()
        await asyncio.sleep(10.5)
        return {"type": "http.disconnect"}

    async def take(event):
        pass

    await asyncio.wait_for(app(falcon.testing.create_scope(path="/bytes"), receive, take), 100)
    assert closed.is_set() and len(sent) == 11
