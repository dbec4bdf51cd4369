"""Uploads by signed forms."""

import hmac

import pytest

PATH = "/v1/AUTH_alice/c/up-"


async def owner(store):
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.post("", X_Account_Meta_Temp_URL_Key="key")
    return alice


def form(store, files, *, key="key", path=PATH, **fields):
    """The fields of a form, signed, and its body."""
    now = int(store.clock.now().timestamp())
    said = {"redirect": "", "max_file_size": "10", "max_file_count": "2", "expires": str(now + 60)} | fields
    text = "\n".join([path, *(said[name] for name in ("redirect", "max_file_size", "max_file_count", "expires"))])
    said["signature"] = said.get("signature") or hmac.new(key.encode(), text.encode(), "sha256").hexdigest()
    parts = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in said.items()]
    file = '--b\r\nContent-Disposition: form-data; name="f"; filename="{}"\r\nContent-Type: text/x\r\n\r\n'
    parts += [file.format(name).encode() + data + b"\r\n" for name, data in files.items()]
    return b"".join(parts) + b"--b--\r\n"


async def send(store, body, path="/c/up-"):
    return await store.anonymous().post(path, body, Content_Type="multipart/form-data; boundary=b")


async def test_files_become_objects(store):
    alice = await owner(store)
    answer = await send(store, form(store, {"a": b"12\r\n--c\r\n", "b": b""}, x_delete_after="100"))
    assert (answer.status, answer.data) == (201, b"201 Created")
    got = await alice.get("/c/up-a")
    assert (got.data, got.headers["content-type"]) == (b"12\r\n--c\r\n", "text/x") and "x-delete-at" in got.headers
    assert await alice.names("/c") == ["up-a", "up-b"]


async def test_the_browser_goes_on_where_the_form_says(store):
    await owner(store)
    answer = await send(store, form(store, {"a": b"1"}, redirect='https://a.example/?x="'))
    assert (answer.status, answer.headers["location"]) == (303, 'https://a.example/?x="&status=201&message=')
    assert '"&' not in answer.text and "&quot;&amp;status=201" in answer.text


@pytest.mark.parametrize(("change", "status"), [({"key": "other"}, 401), ({"expires": "1"}, 401), ({"signature": "x"}, 401),
                                                ({"max_file_size": "x"}, 400), ({"max_file_count": "0"}, 400), ({"path": PATH + "x"}, 401),
                                                ({"max_file_size": "3"}, 400), ({"x_delete_at": "soon"}, 400)])
async def test_a_form_that_is_not_what_was_signed_stores_nothing(store, change, status):
    alice = await owner(store)
    assert (await send(store, form(store, {"a": b"1234"}, **change))).status == status
    assert await alice.names("/c") == [] and store.files() == []


@pytest.mark.parametrize("cut", [3, 40, -3, -12, -40])
async def test_a_form_that_ends_early_stores_no_piece_of_a_file(store, cut):
    alice = await owner(store)
    assert (await send(store, form(store, {"a": b"12345678"})[:cut])).status == 400
    names = await alice.names("/c")
    assert names == [] or (await alice.get("/c/up-a")).data == b"12345678"


async def test_one_file_too_many_ends_the_form(store):
    alice = await owner(store)
    answer = await send(store, form(store, {"a": b"1", "b": b"2", "c": b"3"}))
    assert answer.status == 400 and "Max File Count Exceeded" in answer.text
    assert await alice.names("/c") == ["up-a", "up-b"]
