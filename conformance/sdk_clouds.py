"""What openstacksdk's functional tests have to be told of a cloud: a clouds.yaml with the names they know."""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import yaml

from conformance.cloud import Cloud
from conformance.prepare import prepare

NAMES = {"devstack": "pileus", "devstack-alt": "pileus-alt", "devstack-admin": "pileus-admin", "devstack-system-admin": "pileus-system"}


def sdk_environment(cloud: Cloud) -> dict[str, str]:
    """Prepare images and flavors, write the file, and answer the variables that lead to it."""
    auth = cloud.credentials("pileus-admin")
    prepare(auth["auth_url"], auth)
    known = yaml.safe_load(cloud.clouds_yaml.read_text())["clouds"]
    more = {"image_api_use_tasks": False, "block_storage_endpoint_override": block_storage()}
    wanted = {name: known[ours] | more for name, ours in NAMES.items()}
    extra = {"functional": {"image_name": "conformance-1", "flavor_name": "conformance-1"}}
    path = cloud.state / "sdk-clouds.yaml"
    path.write_text(yaml.safe_dump({"clouds": wanted, **extra}))
    return {"OS_CLIENT_CONFIG_FILE": str(path), "OPENSTACKSDK_FLAVOR": "conformance-1", "OPENSTACKSDK_IMAGE": "conformance-1",
            "OPENSTACKSDK_FUNC_TEST_TIMEOUT": "60"}


def block_storage() -> str:
    """The address of something that only says it is block storage: without it the tests of compute do not even begin,
    although only those of volume attachments (which fail) speak to it."""

    class Version(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            links = [{"rel": "self", "href": f"http://{self.headers['Host']}/v3/"}]
            version = {"id": "v3.0", "status": "CURRENT", "version": "3.0", "min_version": "3.0", "links": links}
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps({"versions": [version]}).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Version)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/v3/"
