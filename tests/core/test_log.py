"""Logs never hold a secret (OSSA-2020-001, 2017-001)."""

import json
import logging

from pileus.core import log as logs


def line(event: str, as_json: bool = False, **facts) -> str:
    record = logging.LogRecord("pileus", logging.INFO, "f", 1, event, (), None)
    record.facts = facts
    return logs._Formatter(as_json).format(record)


TOKEN = "gAAAAABrAQIkdB5y145W2QOJ3al4XGdSBf1qvDdTWeceT2BANY7f95N2MD-pcE7TIbi1QY02MelEk5V5Z"


def test_secrets_are_masked_wherever_they_stand():
    for text in (line(f"token {TOKEN} refused"), line("x", token=TOKEN), line("x", admin_pass="abc123"),
                 line('body {"password": "abc123"}'), line("x", detail=f"X-Auth-Token: {TOKEN}"),
                 line("x", as_json=True, user_password="abc123", other=TOKEN)):
        assert "abc123" not in text and TOKEN not in text and "***" in text, text


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
