"""Containers as web sites."""


async def site(store, **meta):
    alice = store.as_("alice")
    await alice.put("/c", X_Container_Read=".r:*,.rlistings", **{f"X_Container_Meta_Web_{n}": v for n, v in meta.items()})
    for name in ("index.html", "sub/index.html", "plain/a<b>.txt", "404error.html"):
        await alice.put(f"/c/{name}", name.encode(), Content_Type="text/html" if name.endswith("html") else "text/plain")
    return alice, store.anonymous()


async def test_an_index_stands_for_its_folder(store):
    _, visitor = await site(store, Index="index.html")
    away = await visitor.get("/c", Host="cloud.example:80")
    assert (away.status, away.headers["location"]) == (301, "http://cloud.example:80/v1/AUTH_alice/c/")
    assert (await visitor.get("/c/")).data == b"index.html"
    assert (await visitor.get("/c/sub")).status == 301 and (await visitor.get("/c/sub/")).data == b"sub/index.html"
    assert (await visitor.get("/c/plain/")).status == 404 and (await visitor.get("/c/none")).status == 404


async def test_listings_show_folders_and_escape_names(store):
    alice, visitor = await site(store, Listings="true", Listings_Css="style.css", Listings_Label="Alice's")
    page = await visitor.get("/c/")
    assert page.status == 200 and page.headers["content-type"] == "text/html; charset=UTF-8"
    assert '<a href="./sub/">sub/</a>' in page.text and '<a href="./index%2Ehtml">index.html</a>' in page.text
    assert 'href="style.css"' in page.text and 'id="parent"' not in page.text
    below = await visitor.get("/c/plain/")
    assert "a&lt;b&gt;.txt" in below.text and "a<b>" not in below.text
    assert "Listing of Alice&#x27;s/plain/" in below.text and 'href="../style.css"' in below.text and 'id="parent"' in below.text
    # Who has a token sees what the API answers, unless a browser's view is asked for.
    assert "<html" not in (await alice.get("/c/")).text
    assert "<html" in (await alice.get("/c/", X_Web_Mode="true")).text


async def test_errors_have_pages_of_the_site(store):
    alice, visitor = await site(store, Index="index.html", Error="error.html")
    missing = await visitor.get("/c/none")
    assert (missing.status, missing.data) == (404, b"404error.html")
    await alice.put("/c/401error.html", b"not for you")
    await alice.post("/c", X_Container_Read=".r:good.example")
    assert (await visitor.get("/c/", Referer="https://bad.example")).status == 401
    await alice.post("/c", X_Container_Read=".r:*,.rlistings", X_Container_Meta_Web_Index="gone.html", X_Container_Meta_Web_Error="")
    disabled = await store.anonymous().get("/c/")
    assert disabled.status == 404 and "Web Listing Disabled" in disabled.text


async def test_a_container_without_a_site_and_private_ones_stay_as_they_are(store):
    alice = store.as_("alice")
    await alice.put("/c", X_Container_Meta_Web_Listings="true")
    await alice.put("/c/o", b"x")
    for path in ("/c/", "/c/o", "/c/none/"):
        assert (await store.anonymous().get(path)).status == 401
    await alice.put("/plain", X_Container_Read=".r:*,.rlistings")
    assert (await store.anonymous().get("/plain")).status in (200, 204)
