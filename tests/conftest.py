"""Asynchronous tests run on a loop in virtual time; `cloud` is a whole cloud in this process (see tests/cloud.py)."""

import asyncio
import inspect
import os
import sys

import hypothesis
import pytest

from pileus.core import event_loop
from pileus.core.clock import VirtualTimeLoop
from tests import databases
from tests.kept import keep
from tests.logged import watching

# How long one example takes says more about what else this machine does than about the code.
hypothesis.settings.register_profile("pileus", deadline=None)
hypothesis.settings.load_profile("pileus")
keep()


def run_virtual(main):
    """Run a coroutine to its end in virtual time."""
    loop = VirtualTimeLoop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main)
    finally:
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        asyncio.set_event_loop(None)
        loop.close()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Run `async def test_…`: in virtual time, or on a real loop when marked `realtime`.

    An asynchronous fixture is a context manager function marked with `@asynccontextmanager` and entered by the test."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: value for name, value in pyfuncitem.funcargs.items() if name in wanted}

    async def main():
        given = dict(arguments)
        opened = []
        for name, value in given.items():
            if hasattr(value, "__aenter__"):
                given[name] = await value.__aenter__()
                opened.append(value)
        try:
            await pyfuncitem.obj(**given)
        finally:
            for value in reversed(opened):
                await value.__aexit__(None, None, None)

    if pyfuncitem.get_closest_marker("realtime"):
        event_loop.run(main())
    else:
        run_virtual(main())
    return True


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from tests.parallel import WholeFiles

    return WholeFiles(config, log)


def pytest_collection_modifyitems(config, items):
    """For several workers, what takes long begins first."""
    if hasattr(config, "workerinput"):
        from tests.parallel import turn

        items.sort(key=lambda item: turn(item.nodeid))


OUTCOME = pytest.StashKey[int]()


def pytest_sessionfinish(session, exitstatus):
    session.config.stash[OUTCOME] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    """End at once: what tears down an interpreter with all of this loaded may fail when every test has passed.

    Seen there once in a while: a segmentation fault where msgspec frees its types (compare its issue 717). A worker of
    several has told its results by now, and ends in the same way."""
    if (outcome := config.stash.get(OUTCOME, None)) is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(outcome)


@pytest.fixture(autouse=True)
def no_secret_is_logged():
    """OSSA-2020-001, OSSA-2017-001: by no test, at no level, not even such as would be masked."""
    with watching():
        yield


@pytest.fixture
def cloud():
    """A whole cloud with one simulated host; the test gets it started."""
    from tests.cloud import TestCloud

    return TestCloud()


@pytest.fixture(scope="module", params=databases.KINDS)
def database_url(request):
    """A PostgreSQL and a MySQL server, each for all the tests of a module: one test may find what another one left."""
    if reason := databases.missing(request.param):
        pytest.skip(reason)
    with databases.server(request.param) as url:
        yield url
