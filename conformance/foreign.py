"""Run other foreign suites than Tempest against a fresh simulated cloud of this checkout.

`python -m conformance.foreign sdk --tests identity,image` runs the functional tests of openstacksdk, `… openstackclient`
those of the openstack client, `… swift` those of Swift's source package with users of identity's, `… swift-tempauth`
with the object store's own (some tests are for the one, some for the other), `… s3api` its newer S3 tests. They are
pytest suites: what follows `--` goes to pytest. Without it a row of results.md is brought up to date for every part
that was run.
"""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tarfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance import results
from conformance.client_clouds import client_environment
from conformance.cloud import ROOT, Cloud, fresh_cloud
from conformance.run import SETTINGS
from conformance.sdk_clouds import sdk_environment
from conformance.suite import HOME, Outcome, say
from conformance.swift_accounts import SETTINGS as SWIFT_SETTINGS
from conformance.swift_accounts import TEMP_SETTINGS, swift_environment, temp_environment

UNUSABLE = 3


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A suite: what pip installs for it, where its tests are, and what it has to be told of a cloud."""

    packages: tuple[str, ...]
    source: str                                # the source package that has the tests
    parts: dict[str, str]                      # name → folder or file in it
    environment: Callable[[Cloud], dict[str, str]]
    settings: str = ""                         # of the cloud, besides `base`
    base: str = SETTINGS


SWIFT, SDK, CLIENT = "swift==2.38.3", "openstacksdk==4.22.0", "python-openstackclient==10.5.0"
SWIFT_NEEDS = ("boto==2.49.0", "boto3", "botocore", "python-keystoneclient", "python-swiftclient", "requests", "pytest", "pytest-subtests",
               "pytest-timeout", "setuptools<80", "docutils", "keystonemiddleware", SWIFT)
SUITES = {
    "sdk": Suite(
        source=SDK, packages=(SDK, "pytest", "pytest-timeout", "testtools", "fixtures", "ddt", "requests-mock", "oslotest",
                  "testscenarios", "hacking", "python-subunit", "jsonschema", "prometheus-client", "statsd", "stestr"),
        parts={name: f"openstack/tests/functional/{name}" for name in
               ("identity", "image", "compute", "placement", "network", "object_store", "cloud", "block_storage")},
        environment=sdk_environment),
    "openstackclient": Suite(
        source=CLIENT, packages=(CLIENT, "tempest", "testtools", "fixtures", "ddt", "pytest", "pytest-timeout"),
        parts={name: f"openstackclient/tests/functional/{folder}" for name, folder in (
            ("identity", "identity/v3"), ("image", "image"), ("compute", "compute"), ("network", "network"), ("object_store", "object"),
            ("common", "common"))},
        environment=client_environment, base="[compute.host_delays]\nspawn = 1.2\n"),      # its tests tell servers by the second
    "swift": Suite(packages=SWIFT_NEEDS, source=SWIFT, parts={"functional": "test/functional"}, environment=swift_environment,
                   settings=SWIFT_SETTINGS),
    "swift-tempauth": Suite(packages=SWIFT_NEEDS, source=SWIFT, parts={"functional": "test/functional"}, environment=temp_environment,
                            settings=TEMP_SETTINGS),
    "s3api": Suite(packages=SWIFT_NEEDS, source=SWIFT, parts={"s3api": "test/s3api"}, environment=swift_environment),
}


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    suite = SUITES[options.suite]
    try:
        python, folder = installed(options.suite, suite)
    except subprocess.CalledProcessError as failed:
        say(f"cannot install {options.suite}: {failed.stderr.strip()[-2000:]}")
        return UNUSABLE
    parts = options.tests.split(",") if options.tests else [p for p in suite.parts if p != "block_storage"]
    failures = 0
    with fresh_cloud(settings=suite.base + suite.settings, keep_log=HOME / "cloud.log") as cloud:
        environment = os.environ | suite.environment(cloud)
        for part in parts:
            started = time.monotonic()
            outcomes = run(python, folder, suite.parts.get(part, part), environment, options.more)
            tally = results.counts(outcomes)
            failures += tally["failed"]
            say(f"{options.suite} {part}: {tally['passed']} passed, {tally['failed']} failed, {tally['skipped']} skipped")
            if part in suite.parts and not options.more:
                name = f"{options.suite} {part}"
                results.write_results({name: row(name, tally, time.monotonic() - started)})
    return 1 if failures else 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    words = list(sys.argv[1:] if arguments is None else arguments)
    more = words[words.index("--") + 1 :] if "--" in words else []
    parser = argparse.ArgumentParser(prog="conformance.foreign", description=__doc__.split("\n", 1)[0])
    parser.add_argument("suite", choices=sorted(SUITES))
    parser.add_argument("--tests", default="", help="parts of the suite, with commas between, or a path in it")
    options = parser.parse_args(words[: words.index("--")] if "--" in words else words)
    options.more = more
    return options


def installed(name: str, suite: Suite) -> tuple[Path, Path]:
    """The suite's interpreter and the folder that its tests are in, installed unless that was done before."""
    home = HOME / suite.source.split("==")[0]
    python, stamp = home / "venv" / "bin" / "python", home / "installed"
    wanted = hashlib.sha256(repr(suite.packages).encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        say(f"installing {name} into {home.relative_to(ROOT)} (once)")
        home.mkdir(parents=True, exist_ok=True)
        command([sys.executable, "-m", "venv", "--clear", home / "venv"])
        command([python, "-m", "pip", "--disable-pip-version-check", "-q", "install", *suite.packages])
        command([python, "-m", "pip", "--disable-pip-version-check", "-q", "download", "--no-deps", "--no-binary", ":all:",
                 "--dest", home, suite.source])
        with tarfile.open(next(home.glob("*.tar.gz"))) as archive:
            archive.extractall(home, filter="data")
        stamp.write_text(wanted)
    return python, home / next(home.glob("*.tar.gz")).name.removesuffix(".tar.gz")


def command(words: Sequence[object]) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True)


def run(python: Path, folder: Path, tests: str, environment: dict[str, str], more: Sequence[str]) -> list[Outcome]:
    report = HOME / "foreign.xml"
    report.unlink(missing_ok=True)
    subprocess.run([str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout", "300", "--tb=short", f"--junitxml={report}",
                    tests, *more], cwd=folder, env=environment, check=False)
    return outcomes_of(report) if report.exists() else []


def outcomes_of(report: Path) -> list[Outcome]:
    """pytest's report as outcomes. A suite may hold several cases of one test (subtests); each counts."""
    found = []
    for case in ElementTree.parse(report).iter("testcase"):
        bad = [child for child in case if child.tag in ("failure", "error")]
        skipped = [child for child in case if child.tag == "skipped"]
        status = "failed" if bad else "skipped" if skipped else "passed"
        why = "".join(child.text or "" for child in bad or skipped)
        found.append(Outcome(id=f"{case.get('classname')}.{case.get('name')}", status=status, seconds=float(case.get("time", 0)), why=why))
    return found


def row(name: str, tally: dict[str, int], seconds: float) -> dict[str, str]:
    return {"what": name, "tests": str(sum(tally.values())), **{status: str(n) for status, n in tally.items()}, "excluded": "0",
            "seconds": f"{seconds:.0f}", "date": time.strftime("%Y-%m-%d", time.gmtime()), "version": results.version()}


if __name__ == "__main__":
    sys.exit(main())
