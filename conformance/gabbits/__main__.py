"""Run placement's gabbits; the exit status is 1 when one fails that does not stand in EXCLUDED."""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tempfile
import unittest
from collections.abc import Sequence
from pathlib import Path

from conformance.suite import HOME, say

RELEASE = "16.0.0"
TOOLS = ("gabbi", "os-traits", "os-resource-classes")
#: What is not run, and why.
EXCLUDED = {
    "cors": "CORS is an option of oslo.middleware; the front of a cloud does it here",
    "non-cors": "likewise",
}


def main(arguments: Sequence[str]) -> int:
    source, tools = fetch()
    sys.path.append(str(tools))                 # behind everything else: our own packages come first
    from gabbi import driver

    from conformance.gabbits.service import Placement
    from conformance.gabbits.stand_ins import fixtures

    placement = Placement()
    given = fixtures(source / "fixtures" / "gabbits.py", placement)
    with tempfile.TemporaryDirectory(prefix="pileus-gabbits-") as folder:
        for file in sorted((source / "gabbits").glob("*.yaml")):
            if file.stem not in EXCLUDED and (not arguments or file.stem in arguments):
                (Path(folder) / file.name).symlink_to(file)
        suite = driver.build_tests(folder, unittest.TestLoader(), host=None, intercept=placement.wsgi, fixture_module=given,
                                   test_loader_name="gabbits")
        result = unittest.TextTestRunner(stream=sys.stderr, verbosity=0).run(suite)
    placement.close()
    failed = [(name(test.id()), text) for test, text in result.failures + result.errors]
    for test, text in failed:
        say(f"{'excluded' if test in EXCLUDED else 'FAIL'} {test}: {EXCLUDED.get(test) or reason(text)}")
    bad = len([test for test, _ in failed if test not in EXCLUDED])
    say(f"{result.testsRun} requests, {result.testsRun - len(failed)} as upstream has them, {bad} not, {len(failed) - bad} excluded")
    return 1 if bad or not result.testsRun else 0


def fetch() -> tuple[Path, Path]:
    """Upstream's tests and what they are run with, fetched once: (folder of the functional tests, folder of packages)."""
    base = HOME / f"placement-{RELEASE}"
    tests, tools = base / f"openstack_placement-{RELEASE}" / "placement" / "tests" / "functional", base / "tools"
    if not tests.exists():
        base.mkdir(parents=True, exist_ok=True)
        pip("download", "--no-deps", "--no-binary", ":all:", "--dest", str(base), f"openstack-placement=={RELEASE}")
        with tarfile.open(next(base.glob("*.tar.gz"))) as archive:
            archive.extractall(base, filter="data")
    if not tools.exists():
        pip("install", "--quiet", "--target", str(tools), *TOOLS)
    return tests, tools


def pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", *arguments], check=True, stdout=subprocess.DEVNULL)


def name(id: str) -> str:
    return re.sub(r"^gabbits\.(driver_)?", "", id).removesuffix(".test_request")


def reason(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines()]
    return next((line for line in reversed(lines) if "Error" in line.partition(":")[0]), lines[-1])[:300]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
