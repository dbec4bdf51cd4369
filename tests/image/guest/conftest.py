"""One guest image for all tests that boot it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import platform
import shutil
import tempfile
from pathlib import Path

import pytest

from pileus.image.guest import GuestBuildFailed, GuestImage, GuestToolsMissing, build_guest_image


@pytest.fixture(scope="session")
def steps() -> list[str]:
    """What the build said while it made `image`."""
    return []


@pytest.fixture(scope="session")
def image(steps) -> GuestImage:
    if platform.machine() != "x86_64" or shutil.which("apt-get") is None:
        pytest.skip("the guest image is made of Debian packages for x86-64")
    out = Path(tempfile.mkdtemp(prefix="pileus-test-image-"))
    out.chmod(0o711)                                  # guests' processes are users of their own: they have to come this far
    try:
        yield build_guest_image(out, steps.append)
    except GuestToolsMissing as error:
        pytest.skip(str(error))
    except GuestBuildFailed as error:
        if "apt-" not in str(error):
            raise
        pytest.skip(f"the package archive cannot be reached: {error}")
    finally:
        shutil.rmtree(out)
