"""Temporary URLs: what a signature opens, and everything that it does not."""

import hmac


def sign(key: str, method: str, expires: int, path: str, digest: str = "sha256") -> str:
    return hmac.new(key.encode(), f"{method}\n{expires}\n{path}".encode(), digest).hexdigest()


async def owner(store):
    alice = store.as_("alice")
    await alice.put("/c", X_Container_Meta_Temp_URL_Key="of container")
    await alice.put("/d")
    await alice.post("", X_Account_Meta_Temp_URL_Key="of account")
    for path in ("/c/dir/o", "/c/other", "/d/o"):
        await alice.put(path, b"hello", X_Object_Meta_Secret="1", X_Object_Meta_Public_Colour="red")
    return alice


async def test_a_signature_opens_one_object_for_one_method(store):
    await owner(store)
    nobody, soon = store.anonymous(), int(store.clock.now().timestamp()) + 60
    sig = sign("of account", "GET", soon, "/v1/AUTH_alice/c/dir/o")
    url = f"?temp_url_sig={sig}&temp_url_expires={soon}"
    got = await nobody.get("/c/dir/o" + url)
    assert (got.status, got.data) == (200, b"hello") and 'filename="o"' in got.headers["content-disposition"]
    assert "x-object-meta-secret" not in got.headers and got.headers["x-object-meta-public-colour"] == "red"
    assert (await nobody.head("/c/dir/o" + url)).status == 200
    for method, path in (("PUT", "/c/dir/o"), ("DELETE", "/c/dir/o"), ("GET", "/c/other"), ("GET", "/d/o"), ("GET", "/c"), ("GET", "")):
        assert (await nobody.request(method, path + url)).status == 401, (method, path)
    named = await nobody.get("/c/dir/o" + url + "&filename=a%22b%0d.txt")
    assert "\r" not in named.headers["content-disposition"] and '%22' in named.headers["content-disposition"]


async def test_expired_forged_and_foreign_signatures_open_nothing(store):
    await owner(store)
    nobody, now = store.anonymous(), int(store.clock.now().timestamp())
    path, soon = "/v1/AUTH_alice/c/dir/o", now + 60
    good = sign("of account", "GET", soon, path)
    for sig, expires in ((good, now + 61), (sign("of account", "GET", now - 1, path), now - 1), ("0" * 64, soon), ("", soon),
                         (good, "never"), (sign("of account", "GET", soon, path, "md5"), soon), (sign("", "GET", soon, path), soon),
                         ("sha256:§", soon)):
        assert (await nobody.get(f"/c/dir/o?temp_url_sig={sig}&temp_url_expires={expires}")).status == 401, (sig, expires)
    own = sign("of container", "GET", soon, "/v1/AUTH_alice/d/o")
    assert (await nobody.get(f"/d/o?temp_url_sig={own}&temp_url_expires={soon}")).status == 401


async def test_a_prefix_and_a_range_of_addresses(store):
    await owner(store)
    nobody, soon = store.anonymous(), int(store.clock.now().timestamp()) + 60
    sig = sign("of container", "GET", soon, "prefix:/v1/AUTH_alice/c/dir/")
    tail = f"?temp_url_sig={sig}&temp_url_expires={soon}&temp_url_prefix=dir/"
    assert (await nobody.get("/c/dir/o" + tail)).status == 200
    assert (await nobody.get("/c/other" + tail)).status == 401
    for network, status in (("192.0.2.0/24", 200), ("198.51.100.0/24", 401)):
        sig = hmac.new(b"of container", f"ip={network}\nGET\n{soon}\n/v1/AUTH_alice/c/other".encode(), "sha256").hexdigest()
        assert (await nobody.get(f"/c/other?temp_url_sig={sig}&temp_url_expires={soon}&temp_url_ip_range={network}")).status == status


async def test_a_put_cannot_reach_beyond_its_object(store):
    alice = await owner(store)
    nobody, soon = store.anonymous(), int(store.clock.now().timestamp()) + 60
    sig = sign("of container", "PUT", soon, "/v1/AUTH_alice/c/new")
    url = f"/c/new?temp_url_sig={sig}&temp_url_expires={soon}"
    for name in ("X_Object_Manifest", "X_Copy_From", "X_Symlink_Target"):
        assert (await nobody.put(url, **{name: "d/o"})).status == 400
    assert (await nobody.put(url, b"mine")).status == 201
    assert (await alice.get("/c/new")).data == b"mine"
