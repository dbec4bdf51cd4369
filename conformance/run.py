"""Run Tempest against a fresh simulated cloud of this checkout.

`python -m conformance.run --suite smoke` runs a suite and brings results.md and passing.txt up to date;
`--ratchet` runs exactly the tests of passing.txt and changes no file, `--spread N` only so many of them. The exit
status is 1 when a test that once passed does not pass any more.
"""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from conformance import results, selection
from conformance.cloud import fresh_cloud
from conformance.configuration import configure
from conformance.suite import HOME, Outcome, TempestMissing, list_tests, save, say, tempest_python
from conformance.variants import USUAL, shared_out
from conformance.web import serving
from conformance.workers import run_tests

UNUSABLE = 3
# Security compliance as Tempest expects it (tempest.conf.in says the same). Two hosts, so that nothing is skipped that needs
# a second one; and cheap passwords: the suite makes a user or three for every class of tests, and at the usual cost would
# spend most of its time in bcrypt. Snapshots take a moment, as tests that watch them being
# saved expect. Images may be downloaded from the runner's own web server.
SETTINGS = """
[identity]
bcrypt_cost = 4
lockout_failure_attempts = 2
lockout_duration_s = 5
unique_last_password_count = 2
[compute]
hosts = 2
[compute.host_delays]
snapshot = 0.3
[object_store]
cross_domain_policy = '<allow-access-from domain="*" secure="false" />'
[[object_store.policies]]
index = 0
name = "gold"
default = true
[[object_store.policies]]
index = 1
name = "silver"
[object_store.tempurl]
allowed_digests = ["sha1", "sha256", "sha512"]
[image]
web_hosts = ["127.0.0.1"]
web_ports = []
import_methods = ["glance-direct", "web-download", "copy-image", "glance-download"]
show_multiple_locations = true
show_image_direct_url = true
default_store = "file"
[image.stores.file]
type = "file"
weight = 2
[image.stores.second]
type = "file"
folder = "images-2"
weight = 1
[image.stores.web]
type = "http"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    try:
        python = tempest_python()
    except TempestMissing as missing:
        say(str(missing))
        return UNUSABLE
    tests, left_out = chosen(options, list_tests(python))
    if not tests:
        say("no test is selected")
        return 0 if options.ratchet else 2
    outcomes, seconds = run(options, python, tests)
    change = results.compare(results.read_passing(), outcomes)
    if not options.ratchet:
        keep(options, outcomes, left_out, seconds, change)
    return conclude(outcomes, change, seconds)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="conformance.run", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--suite", default="smoke", help=f"{', '.join(selection.SUITES)}; several with commas between")
    parser.add_argument("--match", default="", help="only tests whose id this regular expression is found in")
    parser.add_argument("--ratchet", action="store_true", help="run the tests of passing.txt and change no file")
    parser.add_argument("--spread", type=int, default=0, help="with --ratchet: only so many of them, spread over the list")
    parser.add_argument("--forget", action="store_true", help="take tests that no longer pass off passing.txt")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--quiet", action="store_true", help="name only the tests that fail")
    return parser.parse_args(arguments)


def chosen(options: argparse.Namespace, tests: dict[str, set[str]]) -> tuple[list[str], list[str]]:
    """The tests to run, and the excluded ones that were selected as well."""
    if options.ratchet:
        listed = results.read_passing()
        unknown = [test for test in listed if test not in tests]
        if unknown:
            raise SystemExit(f"conformance/passing.txt names tests that Tempest does not have: {', '.join(unknown[:5])}")
        return (selection.spread(listed, options.spread) if options.spread else listed), []
    selected = selection.select(tests, options.suite, options.match)
    possible = selection.without(selected, selection.excluded())
    return possible, sorted(set(selected) - set(possible))


def run(options: argparse.Namespace, python, tests: list[str]) -> tuple[list[Outcome], float]:
    def report(outcome: Outcome) -> None:
        if not options.quiet or outcome.status == "failed":
            say(f"{outcome.status:7} {outcome.seconds:6.1f} s  {outcome.id}")

    outcomes, seconds = [], 0.0
    for variant, some in shared_out(tests):
        log = HOME / ("cloud.log" if variant is USUAL else f"cloud-{variant.name}.log")
        with serving() as web, fresh_cloud(settings=variant.settings(SETTINGS), keep_log=log) as cloud:
            say(f"{variant.name} cloud ready after {cloud.ready_s:.2f} s at {cloud.url}; {len(some)} tests on {options.workers} workers")
            started = time.monotonic()
            outcomes += run_tests(python, configure(cloud, web, variant), some, workers=options.workers, report=report)
            seconds += time.monotonic() - started
    save(outcomes)
    return outcomes, seconds


def keep(options: argparse.Namespace, outcomes: list[Outcome], left_out: list[str], seconds: float, change: results.Change) -> None:
    """Bring the files under version control up to date; a row of the table only when all of it was run."""
    results.write_passing(results.read_passing(), change, forget=options.forget)
    if not options.match:
        for suite in ["smoke"] if options.suite == "smoke" else [",".join(set(options.suite.split(",")) - {"smoke"})]:
            results.write_results(results.rows(suite, outcomes, left_out, seconds))


def conclude(outcomes: list[Outcome], change: results.Change, seconds: float) -> int:
    tally = results.counts(outcomes)
    say(f"{tally['passed']} passed, {tally['failed']} failed, {tally['skipped']} skipped in {seconds:.0f} s")
    if change.gained:
        say(f"{len(change.gained)} pass that were not on the list")
    for test in change.lost:
        say(f"no longer passes: {test}")
    if tally["failed"]:
        say("python -m conformance.failures says why")
    return 1 if change.lost else 0


if __name__ == "__main__":
    sys.exit(main())
