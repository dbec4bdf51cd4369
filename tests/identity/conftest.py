"""An identity service of its own for each test that asks for one."""

import pytest

from tests.identity.booted import booted


@pytest.fixture
def keystone():
    return booted()
