"""Moments as text."""

from datetime import UTC, datetime

import pytest

from pileus.core.clock import iso, parse_iso, wait_until

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", [
    "2026-01-02T12:00:00Z", "2026-01-02T12:00:00", "2026-01-02 12:00:00", "2026-01-02T12:00:00.000000", " 2026-01-02T12:00:00Z ",
    "2026-01-02T14:00:00+02:00", "2026-01-02T14:00:00 02:00", "2026-01-02T07:00:00-05:00",
])
def test_spellings(text):
    found = parse_iso(text)
    assert found == NOON and found.utcoffset().total_seconds() == 0


@pytest.mark.parametrize("text", ["", "x", "2026-13-01", "12:00", "1767355200",
                                  "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_what_is_no_moment_in_utc(text):
    with pytest.raises(ValueError):
        parse_iso(text)


@pytest.mark.parametrize("micro", [False, True])
def test_what_is_shown_can_be_read(micro):
    assert parse_iso(iso(NOON, micro=micro)) == NOON


def test_a_command_waits_as_long_as_it_must_and_no_longer_than_it_may():
    answers = iter(["", "", "there"])
    assert wait_until(lambda: next(answers), every_s=0) == "there"
    asked = []
    assert wait_until(lambda: asked.append(1), limit_s=0.02, every_s=0.001) is None and len(asked) > 1
    assert wait_until(lambda: "at once", limit_s=0) == "at once"
