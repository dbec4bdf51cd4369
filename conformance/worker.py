"""Runs Tempest's tests in its own virtual environment, a class at a time; started by conformance/workers.py.

Standard input: a JSON list of test ids per line, all of one class. Standard output: a JSON object per outcome, then
the line "class done". `--list` prints all tests with their attributes instead. Imports nothing of this project.
"""
# SPDX-License-Identifier: Apache-2.0
import importlib
import json
import os
import pkgutil
import sys
import time
import unittest

PACKAGES = ("tempest.api", "tempest.scenario", "tempest.serial_tests")
POLL_S = 0.02


def main() -> None:
    # Whatever a test prints must not get between the lines of the protocol.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    if "--list" in sys.argv:
        json.dump(list_tests(), answers, indent=0, sort_keys=True)
        return
    poll_quickly()
    for line in sys.stdin:
        run_class(json.loads(line), answers)
        print('"class done"', file=answers)


def list_tests() -> dict:
    """Every test id without its attributes, and the attributes."""
    found = {}
    for package in PACKAGES:
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
            if module.name.rpartition(".")[2].startswith("test_") and not module.ispkg:
                for test in flatten(unittest.defaultTestLoader.loadTestsFromName(module.name)):
                    name, _, attributes = test.id().partition("[")
                    found[name] = attributes.rstrip("]").split(",")
    return found


def flatten(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flatten(test)
        else:
            yield test


def poll_quickly() -> None:
    """Make the intervals that tempest.conf can only set to whole seconds, and sets to none, 20 ms long."""
    sleep = time.sleep
    time.sleep = lambda seconds: sleep(seconds or POLL_S)


def run_class(tests, answers) -> None:
    """Run tests of one class together, so that their class is set up and torn down once."""
    result = results_to(answers, tests)
    try:
        suite = scenarios(unittest.defaultTestLoader.loadTestsFromNames(tests), sys.modules[tests[0].rpartition(".")[0].rpartition(".")[0]])
    except Exception as failure:  # a module that cannot be imported fails its tests, not the worker
        for test in tests:
            tell(answers, test, "failed", why=f"cannot load: {failure!r}")
        return
    suite(result)


def scenarios(suite, module):
    """The suite, with as many of each test as its module wants of it, all under one id."""
    return module.load_tests(unittest.defaultTestLoader, suite, None) if hasattr(module, "load_tests") else suite


def results_to(answers, tests):
    import testtools

    class Results(testtools.TestResult):
        """Tells each outcome at once. A class that cannot be set up fails, or skips, all its tests."""

        def startTest(self, test):
            self.began = time.monotonic()
            super().startTest(test)

        def addSuccess(self, test, details=None):
            self.told(test, "passed", "", details)

        def addSkip(self, test, reason=None, details=None):
            if reason is None and details and "reason" in details:
                reason = details["reason"].as_text()
            self.told(test, "skipped", reason or "", None)

        def addFailure(self, test, err=None, details=None):
            self.told(test, "failed", self.error(test, err, details), details)

        addError = addFailure
        addUnexpectedSuccess = addExpectedFailure = addSuccess

        def error(self, test, err, details):
            if details:
                return "\n".join(text.as_text() for name, text in details.items() if name.startswith("traceback"))
            return self._err_details_to_string(test, err, details)

        def told(self, test, status, why, details):
            log = details["pythonlogging:''"].as_text() if status == "failed" and details and "pythonlogging:''" in details else ""
            seconds = time.monotonic() - getattr(self, "began", time.monotonic())
            name = test.id().partition("[")[0]
            if name.startswith("setUpClass"):
                for one in tests:
                    tell(answers, one, status, why=why, log=log)
            elif name.startswith("tearDownClass"):
                tell(answers, tests[0].rpartition(".")[0] + ".tearDownClass", status, why=why)
            else:
                tell(answers, name, status, seconds=seconds, why=why, log=log)

    return Results()


def tell(answers, test, status, *, seconds=0.0, why="", log="") -> None:
    message = {"id": test, "status": status, "seconds": round(seconds, 3), "why": why, "log": log[-20000:]}
    print(json.dumps(message), file=answers)


if __name__ == "__main__":
    main()
