import pytest

from tests.identity.booted import booted


@pytest.fixture
def keystone():
    return booted()
