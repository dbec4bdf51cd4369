"""Logs never hold a secret (OSSA-2020-001, 2017-001)."""

import json
import logging

import pytest

from pileus.core import log as logs
from tests.logged import watching


def line(event: str, as_json: bool = False, **facts) -> str:
    record = logging.LogRecord("pileus", logging.INFO, "f", 1, event, (), None)
    record.facts = facts
    return logs._Formatter(as_json).format(record)


TOKEN = "gAAAAABrAQIkdB5y145W2QOJ3al4XGdSBf1qvDdTWeceT2BANY7f95N2MD-pcE7TIbi1QY02MelEk5V5Z"

SIGNED = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbm4iLCJleHAiOjF9.MEUCIQDx0aPzUB3y7cKQ8n2l"
HASH = "$2b$12$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzABCDEF"


def test_secrets_are_masked_wherever_they_stand():
    for text in (line(f"token {TOKEN} refused"), line("x", token=TOKEN), line("x", admin_pass="abc123"),
                 line('body {"password": "abc123"}'), line("x", detail=f"X-Auth-Token: {TOKEN}"),
                 line("x", as_json=True, user_password="abc123", other=TOKEN), line(f"signed {SIGNED}"),
                 line("x", detail=f"UPDATE … SET hash='{HASH}'")):
        assert not any(secret in text for secret in ("abc123", TOKEN, SIGNED, HASH)) and "***" in text, text


def test_what_watches_the_logs_of_all_tests_sees_secrets():
    """Row 38: `tests/conftest.py` looks at every line that any test makes anything log."""
    for event, facts in ((TOKEN, {}), (SIGNED, {}), ("x", {"why": f"no such hash: {HASH}"})):
        record = logging.LogRecord("pileus", logging.DEBUG, "f", 1, event, (), None)
        record.facts = facts
        with pytest.raises(AssertionError), watching() as watcher:
            watcher.handle(record)


def test_facts_are_shown():
    assert line("server built", server="s1", seconds=1.5).endswith("pileus: server built server=s1 seconds=1.5")
    assert json.loads(line("server built", as_json=True, server="s1"))["server"] == "s1"


async def test_a_whole_login_and_boot_logs_no_secret(cloud, caplog):
    caplog.set_level(logging.DEBUG)
    got = await cloud.order(adminPass="very-secret-word")
    assert got.status == 202
    await cloud.settle()
    formatter = logs._Formatter(False)
    written = "\n".join(formatter.format(r) for r in caplog.records)
    assert "very-secret-word" not in written and cloud.tokens["pileus"] not in written
