"""The log of requests."""

import logging
from urllib.parse import unquote

from tests.object_store.harness import TestStore


async def test_each_request_has_a_line_without_secrets(caplog):
    async with TestStore(access_log=True) as store:
        alice = store.as_("alice", **{"user-agent": "a client"})
        with caplog.at_level(logging.INFO):
            await alice.put("/c")
            await alice.put("/c/o", b"12345")
            await alice.get("/c/o?temp=1", Range="bytes=0-1,3-4")
            await store.anonymous().get("/c/o?temp_url_sig=deadbeef&temp_url_expires=1")
        lines = [record.getMessage() for record in caplog.records if record.name == "pileus.object_store.access"]
        fields = [line.split(" ") for line in lines]
        assert [len(line) for line in fields] == [21] * 4
        assert [(line[3], line[6]) for line in fields] == [("PUT", "201"), ("PUT", "201"), ("GET", "206"), ("GET", "401")]
        assert fields[1][4] == "/v1/AUTH_alice/c/o" and fields[1][10] == "5" and int(fields[2][11]) > 4 and fields[1][13].startswith("tx")
        assert unquote(fields[0][8]) == "a client" and fields[0][9] == "..."
        assert "deadbeef" not in "".join(lines) and alice.headers["x-auth-token"] not in unquote("".join(lines))
