"""Browsers of other sites."""

ASK = {"Origin": "https://shop.example", "Access_Control_Request_Method": "PUT"}


async def test_options_tell_methods_without_a_token(store):
    nobody = store.anonymous()
    for path, method in (("//info", "GET"), ("", "POST"), ("/c", "DELETE"), ("/c/o", "COPY")):
        got = await nobody.request("OPTIONS", path)
        assert got.status == 200 and method in got.headers["allow"].split(", ")


async def test_a_container_says_whose_browsers_it_answers(store):
    alice, nobody = store.as_("alice"), store.anonymous()
    await alice.put("/c")
    await alice.put("/c/o", b"x", X_Object_Meta_Colour="red")
    assert (await nobody.request("OPTIONS", "/c/o", **ASK)).status == 401
    await alice.post("/c", X_Container_Meta_Access_Control_Allow_Origin="https://shop.example https://b.example",
                     X_Container_Meta_Access_Control_Max_Age="60", X_Container_Meta_Access_Control_Expose_Headers="X-Mine")
    got = await nobody.request("OPTIONS", "/c/o", Access_Control_Request_Headers="X-Auth-Token, X-Y", **ASK)
    assert got.status == 200 and got.headers["access-control-allow-origin"] == "https://shop.example"
    assert got.headers["access-control-max-age"] == "60" and got.headers["access-control-allow-headers"] == "X-Auth-Token, X-Y"
    assert (await nobody.request("OPTIONS", "/c/o", Origin="https://evil.example", Access_Control_Request_Method="GET")).status == 401
    assert (await nobody.request("OPTIONS", "/c/o", Origin="https://shop.example", Access_Control_Request_Method="BREW")).status == 401
    read = await alice.get("/c/o", Origin="https://b.example")
    exposed = read.headers["access-control-expose-headers"].split(", ")
    assert read.headers["access-control-allow-origin"] == "https://b.example" and {"x-object-meta-colour", "x-mine", "etag"} <= set(exposed)
    assert "access-control-allow-origin" not in (await alice.get("/c/o", Origin="https://evil.example")).headers
    await alice.post("/c", X_Container_Meta_Access_Control_Allow_Origin="*")
    assert (await alice.get("/c/o", Origin="https://evil.example")).headers["access-control-allow-origin"] == "*"
