"""What Swift's own tests have to be told of a cloud: users, their projects, and keys for S3."""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from typing import Any

import httpx

from conformance.cloud import Cloud
from conformance.prepare import log_in

#: number → (user, project, role): 3 is no operator, 5 is a service, 6 may act on any account.
USERS = {
    "": ("tester", "test", "member"), "2": ("tester2", "test2", "member"), "3": ("tester3", "test", "reader"),
    "4": ("tester4", "test4", "member"), "5": ("tester5", "test5", "service"), "6": ("tester6", "test", "ResellerAdmin"),
}
PASSWORD = "testing"
DOMAIN = "example.net"
SETTINGS = f"""
[object_store.proxy]
allow_open_expired = true
[object_store.domain_remap]
storage_domains = ["{DOMAIN}"]
"""


#: The same for users of the object store's own: number → (account, user, groups).
TEMP_USERS = {
    "": ("test", "tester", [".admin"]), "2": ("test2", "tester2", [".admin"]), "3": ("test", "tester3", []),
    "5": ("test5", "tester5", [".service"]), "6": ("admin", "admin", [".admin", ".reseller_admin"]),
}
TEMP_SETTINGS = SETTINGS + """
[object_store.temp_auth]
reseller_prefixes = ["AUTH", "SERVICE"]
require_group = { SERVICE = ".service" }
""" + "".join(f"""[[object_store.temp_auth.users]]
account = "{account}"
user = "{user}"
key = "{PASSWORD}"
groups = {json.dumps(groups)}
""" for account, user, groups in TEMP_USERS.values())


def temp_environment(cloud: Cloud) -> dict[str, str]:
    """Write the tests' configuration for users of the object store's own."""
    lines = ["[func_test]", "auth_version = 1", f"auth_uri = {cloud.url}/auth/v1.0", "collate = C", "insecure = no",
             f"storage_domain = {DOMAIN}", "service_prefix = SERVICE", f"s3_storage_url = {cloud.url}/", "s3_region = RegionOne"]
    for number, (account, user, _) in TEMP_USERS.items():
        lines += [f"account{number} = {account}", f"username{number} = {user}", f"password{number} = {PASSWORD}"]
    for suffix, number in (("", ""), ("2", "2"), ("3", "3")):       # the key of such a user is its name
        account, user, _ = TEMP_USERS[number]
        lines += [f"s3_access_key{suffix} = {account}:{user}", f"s3_secret_key{suffix} = {PASSWORD}"]
    path = cloud.state / "swift-test.conf"
    path.write_text("\n".join(lines) + "\n")
    return {"SWIFT_TEST_CONFIG_FILE": str(path)}


def swift_environment(cloud: Cloud) -> dict[str, str]:
    """Make the accounts and write the tests' configuration; answers the variable that leads to it."""
    auth = cloud.credentials("pileus-admin")
    with httpx.Client(timeout=60) as http:
        log_in(http, auth["auth_url"], auth)
        keys = Accounts(http, auth["auth_url"]).make()
    path = cloud.state / "swift-test.conf"
    path.write_text(configuration(cloud.url, keys))
    return {"SWIFT_TEST_CONFIG_FILE": str(path)}


class Accounts:
    """The users of the tests, through the identity API."""

    def __init__(self, http: httpx.Client, identity: str):
        self.http, self.identity = http, identity
        self.ids: dict[str, str] = {}

    def make(self) -> dict[str, tuple[str, str]]:
        """Answers number → S3 key and secret of those in the projects `test` and `test2`."""
        domain = self.created("domains", {"name": "test-domain"})
        keys = {}
        for number, (user, project, role) in USERS.items():
            where = domain if number == "4" else "default"
            project_id = self.once(project, "projects", {"name": project, "domain_id": where})
            user_id = self.created("users", {"name": user, "password": PASSWORD, "domain_id": where, "default_project_id": project_id})
            self.http.put(f"{self.identity}/projects/{project_id}/users/{user_id}/roles/{self.role(role)}").raise_for_status()
            if project in ("test", "test2"):
                keys[number] = (f"access-of-{user}", f"secret-of-{user}")
                blob = json.dumps({"access": keys[number][0], "secret": keys[number][1]})
                self.created("credentials", {"type": "ec2", "blob": blob, "user_id": user_id, "project_id": project_id})
        return keys

    def created(self, kind: str, fields: dict[str, Any]) -> str:
        name = kind.removesuffix("s")
        return self.http.post(f"{self.identity}/{kind}", json={name: fields}).raise_for_status().json()[name]["id"]

    def once(self, name: str, kind: str, fields: dict[str, Any]) -> str:
        if name not in self.ids:
            self.ids[name] = self.created(kind, fields)
        return self.ids[name]

    def role(self, name: str) -> str:
        found = self.http.get(f"{self.identity}/roles", params={"name": name}).raise_for_status().json()["roles"]
        return found[0]["id"] if found else self.once(name, "roles", {"name": name})


def configuration(url: str, keys: dict[str, tuple[str, str]]) -> str:
    """The text of the configuration file. Both suites read it."""
    lines = ["[func_test]", "auth_version = 3", f"auth_uri = {url}/identity/v3", "collate = C", "insecure = no",
             f"storage_domain = {DOMAIN}", "service_prefix = SERVICE", "domain4 = test-domain"]
    for number, (user, project, _) in USERS.items():
        lines += [f"account{number} = {project}", f"username{number} = {user}", f"password{number} = {PASSWORD}"]
    s3 = [(number, {"access": keys[key][0], "secret": keys[key][1]}) for number, key in (("1", ""), ("2", "6"), ("3", "3"))]
    lines += [f"s3_storage_url = {url}/", "s3_region = RegionOne"]
    lines += [f"s3_{what}_key{number.strip('1')} = {value}" for number, pair in s3 for what, value in pair.items()]
    # Buckets are a project's here, not a user's: the second user of these tests has a project of its own.
    s3 = [(number, {"access": keys[key][0], "secret": keys[key][1]}) for number, key in (("1", ""), ("2", "2"), ("3", "3"))]
    lines += ["[s3api_test]", f"endpoint = {url}/s3", "region = RegionOne", "s3_acl_tests_enabled = False"]
    lines += [f"{what}_key{number} = {value}" for number, pair in s3 for what, value in pair.items()]
    return "\n".join(lines) + "\n"
