"""What can be refused before the body is asked for is: a client that waits for "100 Continue" never sends it."""

import shutil

import pytest

from tests.object_store.harness import TestStore


class Untouched:
    """A body that is offered; reading it is the "100 Continue"."""

    def __init__(self):
        self.read = False

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.read:
            raise StopAsyncIteration
        self.read = True
        return b"x"


async def offered(caller, path, **headers):
    body = Untouched()
    answer = await caller.put(path, body, Expect="100-continue", **headers)
    return answer.status, body.read


@pytest.mark.parametrize(("path", "headers", "status"), [
    ("/c/o", {"Content_Length": str(6 << 30)}, 413), ("/none/o", {"Content_Length": "1"}, 404), ("/c/o", {"Content_Length": "x"}, 400),
    ("/c/there", {"Content_Length": "1", "If_None_Match": "*"}, 412), ("/small/o", {"Content_Length": "5"}, 413),
    ("/c/" + "o" * 1025, {"Content_Length": "1"}, 400), ("/c/o", {"Content_Length": "1", "X_Object_Meta_A": "x" * 257}, 400),
    ("/c/o", {"Content_Length": "1", "X_Delete_At": "1"}, 400)])
async def test_a_body_is_not_asked_for_in_vain(path, headers, status):
    async with TestStore() as store:
        alice = store.as_("alice")
        await alice.put("/c")
        await alice.put("/c/there", b"")
        await alice.put("/small", X_Container_Meta_Quota_Bytes="4")
        assert await offered(alice, path, **headers) == (status, False)
        assert await offered(store.as_("bob"), "//v1/AUTH_alice/c/o", Content_Length="1") == (403, False)
        assert await offered(alice, "/c/good", Content_Length="1") == (201, True)


@pytest.mark.parametrize("replicas", [1, 3])
async def test_without_a_device_that_takes_it_nobody_sends(replicas):
    async with TestStore(replicas=replicas, devices=replicas) as store:
        alice = store.as_("alice")
        await alice.put("/c")
        for device in (store.folder / "devices").iterdir():
            shutil.rmtree(device)
            device.write_text("no folder")
        status, read = await offered(alice, "/c/o", Content_Length="1")
        assert status in (503, 507) and not read
