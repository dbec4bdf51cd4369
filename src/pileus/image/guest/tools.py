"""Running the host's programs: failing loudly, with what the program said."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import subprocess
from pathlib import Path

from pileus.core.errors import CloudError

#: Programs of the system administrator are not on everybody's path.
PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))


class GuestBuildFailed(CloudError):
    code, message = "image.guest_build_failed", "The guest image could not be built: {why}"


class GuestToolsMissing(GuestBuildFailed):
    code, message = "image.guest_tools_missing", "Building the guest image needs packages that are not installed: {packages}."


def run(*argv: str | Path, cwd: Path | None = None, stdin: str = "") -> str:
    """What the program prints. Its messages are in English, so that they can be read by programs too."""
    command = [os.fspath(word) for word in argv]
    environment = {**os.environ, "PATH": PATH, "LC_ALL": "C"}
    try:
        ended = subprocess.run(command, cwd=cwd, input=stdin, env=environment, capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise GuestBuildFailed(why=f"{command[0]}: {error.strerror}") from None
    if ended.returncode:
        said = (ended.stderr.strip() or ended.stdout.strip() or f"it ended with {ended.returncode}").splitlines()
        raise GuestBuildFailed(why=f"{command[0]}: {said[-1]}", detail=f"{' '.join(command)}\n{ended.stderr}")
    return ended.stdout
