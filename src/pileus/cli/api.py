"""A small client of the own cloud, for commands that need a few answers quickly: no SDK is loaded."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml


class NotRunning(Exception):
    """There is no cloud to ask."""


class Client:
    """Speaks to the cloud of a state folder as one of the entries of its clouds.yaml."""

    def __init__(self, state: Path, cloud: str):
        try:
            auth = yaml.safe_load((state / "clouds.yaml").read_text())["clouds"][cloud]["auth"]
        except OSError as absent:
            raise NotRunning(f"there is no cloud in {state}; start one with `pileus up`") from absent
        self.base = auth["auth_url"].removesuffix("/identity/v3")
        domain = {"name": auth["user_domain_name"]}
        scope: dict[str, Any] = {"system": {"all": True}}
        if "project_name" in auth:
            scope = {"project": {"name": auth["project_name"], "domain": {"name": auth["project_domain_name"]}}}
        user = {"name": auth["username"], "password": auth["password"], "domain": domain}
        identity = {"methods": ["password"], "password": {"user": user}}
        answer = self.send("POST", "/identity/v3/auth/tokens", {"auth": {"identity": identity, "scope": scope}})
        self.token = answer.headers["X-Subject-Token"]

    def get(self, path: str) -> Any:
        return json.load(self.send("GET", path))

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """The answer, open for reading. Raises urllib.error.HTTPError for an error status, NotRunning when nobody answers."""
        headers = {"Content-Type": "application/json"} | ({"X-Auth-Token": self.token} if hasattr(self, "token") else {})
        request = urllib.request.Request(self.base + path, method=method, headers=headers, data=json.dumps(body).encode() if body else None)
        try:
            return urllib.request.urlopen(request, timeout=10)
        except urllib.error.HTTPError:
            raise
        except OSError as refused:
            raise NotRunning(f"the cloud at {self.base} does not answer; start it with `pileus up`") from refused
