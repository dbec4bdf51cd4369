"""What readers may ask besides the whole of an object: preconditions and ranges."""


async def owner(store):
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", b"0123456789", Content_Type="text/x")
    return alice


async def test_preconditions(store):
    alice = await owner(store)
    head = (await alice.head("/c/o")).headers
    etag, modified = head["etag"], head["last-modified"]
    asked = [({"If_Match": f'"{etag}"'}, 200), ({"If_Match": "*"}, 200), ({"If_Match": '"no", "nor"'}, 412),
             ({"If_None_Match": etag}, 304), ({"If_None_Match": "*"}, 304), ({"If_None_Match": "no"}, 200),
             ({"If_Modified_Since": modified}, 304), ({"If_Modified_Since": "Thu, 01 Jan 1970 00:00:00 GMT"}, 200),
             ({"If_Unmodified_Since": modified}, 200), ({"If_Unmodified_Since": "Thu, 01 Jan 1970 00:00:00 GMT"}, 412),
             ({"If_Modified_Since": "yesterday"}, 200)]
    for headers, status in asked:
        for method in ("GET", "HEAD"):
            got = await alice.request(method, "/c/o", **headers)
            assert got.status == status, (headers, method, got)
            assert got.headers["etag"] == etag and (status != 304 or got.data == b"")


async def test_several_ranges_are_a_multipart_body(store):
    alice = await owner(store)
    got = await alice.get("/c/o", Range="bytes=0-1,5-6,-1")
    assert got.status == 206 and len(got.data) == int(got.headers["content-length"])
    kind, _, boundary = got.headers["content-type"].partition(";boundary=")
    assert kind == "multipart/byteranges"
    parts = got.data.split(b"--" + boundary.encode())
    assert [part.strip().split(b"\r\n\r\n")[1] for part in parts[1:-1]] == [b"01", b"56", b"9"]
    assert b"Content-Range: bytes 5-6/10" in parts[2] and b"Content-Type: text/x" in parts[2]
    assert (await alice.get("/c/o", Range="bytes=20-30,40-")).status == 416


async def test_ranges_that_only_make_work_are_not_served(store):
    alice = await owner(store)
    assert (await alice.get("/c/o", Range="bytes=" + ",".join(["0-"] * 20))).status == 200
    assert (await alice.get("/c/o", Range="bytes=" + ",".join(f"{n % 10}-{n % 10}" for n in range(60)))).status == 200


async def test_moments_of_expiry_that_are_none_are_refused_and_those_beyond_time_are_the_last(store):
    alice = await owner(store)
    for header, value in (("X_Delete_At", "soon"), ("X_Delete_At", "1"), ("X_Delete_At", "inf"), ("X_Delete_After", "x"),
                          ("X_Delete_After", "-5")):
        assert (await alice.put("/c/e", b"", **{header: value})).status == 400, (header, value)
    assert (await alice.put("/c/e", b"", X_Delete_At="1" * 400)).status == 201
    assert (await alice.head("/c/e")).headers["x-delete-at"] == "9" * 10
