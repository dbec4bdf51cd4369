"""What the openstack client's functional tests have to be told of a cloud, and how they are run in one process.

They start a process for every command, which takes a hundred times as long as the command. Loaded into pytest as a
plugin, this module calls the client's main function instead, with the same words. Four tests fail for that alone: they
want a real standard output (`test_object`), the command's name (`test_commands_help_no_auth`), bytes of its errors
(`test_server_list_with_marker_and_deleted`) or options read afresh (`test_server_show`).
"""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import io
import os
import shlex
import sys
from pathlib import Path
from typing import Any

#: The tests look for an image by this kind of name.
IMAGE = "cirros-0.6.2-x86_64-disk"


def client_environment(cloud: Any) -> dict[str, str]:
    """Write the file of clouds where the client looks for it, and make the image."""
    import httpx
    import yaml

    from conformance.prepare import log_in, make_image
    from conformance.sdk_clouds import NAMES

    known = yaml.safe_load(cloud.clouds_yaml.read_text())["clouds"]
    path = cloud.state / "config" / "openstack" / "clouds.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump({"clouds": {name: known[ours] for name, ours in NAMES.items()}}))
    auth = cloud.credentials("pileus-admin")
    with httpx.Client(timeout=60) as http:
        make_image(http, log_in(http, auth["auth_url"], auth)["image"], IMAGE)
    return {"XDG_CONFIG_HOME": str(path.parent.parent), "PYTHONPATH": str(Path(__file__).parent), "PYTEST_PLUGINS": Path(__file__).stem,
            "PYTEST_ADDOPTS": "--show-capture=no"}


def pytest_configure(config: Any) -> None:
    from openstackclient.tests.functional import base

    for name in [name for name in os.environ if name.startswith("OS_")]:
        del os.environ[name]
    base.execute = execute


def execute(cmd: str, *, fail_ok: bool = False) -> str:
    """A command's output. Raises tempest.lib's CommandFailed, as the function does that this one stands in for."""
    from openstackclient import shell
    from tempest.lib import exceptions

    out, err, stdin = io.StringIO(), io.StringIO(), sys.stdin
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), open(os.devnull) as sys.stdin:
        try:
            status = shell.OpenStackShell().run(shlex.split(cmd)[1:])
        except SystemExit as left:
            status = left.code if isinstance(left.code, int) else 1
        finally:
            sys.stdin = stdin
    if status and not fail_ok:
        raise exceptions.CommandFailed(status, cmd, out.getvalue(), err.getvalue())
    return out.getvalue()
