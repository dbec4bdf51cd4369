"""Run the acceptance tests of gophercloud, the Go library below Terraform's provider and Packer, against a fresh simulated cloud.

`python -m conformance.gophercloud [PART …]` needs Debian's packages `golang-go` and
`golang-github-gophercloud-gophercloud-dev`. Each part that is run whole becomes a row of results.md; what fails and
does not stand in EXCLUDED makes the exit status 1.
"""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import httpx

from conformance import results
from conformance.cloud import Cloud, fresh_cloud
from conformance.foreign import row
from conformance.prepare import get, log_in
from conformance.suite import HOME, Outcome, say

LIBRARY = Path("/usr/share/gocode/src/github.com/gophercloud/gophercloud")
TESTS = "github.com/gophercloud/gophercloud/acceptance/openstack"
#: part → Go packages below the tests' folder
PARTS = {
    "identity": ("identity/v3",),
    "image": ("imageservice/v2",),
    "compute": ("compute/v2",),
    "placement": ("placement/v1",),
    "network": ("networking/v2", *(f"networking/v2/extensions{name}" for name in (
        "", "/agents", "/layer3", "/mtu", "/networkipavailabilities", "/portsbinding", "/quotas", "/rbacpolicies", "/subnetpools"))),
    "object_store": ("objectstorage/v1",),
}
#: Tests that fail for a reason that is not ours, or that the README names as not there yet.
EXCLUDED = {
    "TestEndpointsList": "wants /v3 in some endpoint's address: Keystone's own has none",
    "TestTokensGet": "calls the domain Default by another case, which only MySQL's collations forgive",
    "TestImageStage": "loads CirrOS from the internet",
    "TestBootFromNewVolume": "volumes", "TestBootFromExistingVolume": "volumes", "TestBootFromNewCustomizedVolume": "volumes",
    "TestAttachNewVolume": "volumes", "TestAttachExistingVolume": "volumes", "TestVolumeAttachAttachment": "volumes",
    "TestAgentsRUD": "schedules networks to DHCP agents",
    "TestLayer3ExternalRouterCreateDelete": "wants an address that was chosen for it to be shown as none",
    "TestPortsbindingCRUD": "an administrator sets binding:profile, which Neutron allows to services alone by now",
}
#: The tests look once a second for a status that a simulated host would leave at once.
SETTINGS = """
[compute]
hosts = 2
[compute.host_delays]
reboot = 2.5
spawn = 1.5
"""


def main(parts: Sequence[str]) -> int:
    if not shutil.which("go") or not LIBRARY.exists():
        say("cannot run: needs the packages golang-go and golang-github-gophercloud-gophercloud-dev")
        return 3
    failures = 0
    with fresh_cloud(settings=SETTINGS, keep_log=HOME / "cloud.log") as cloud:
        environment = os.environ | settings_of(cloud)
        for part in parts or PARTS:
            started = time.monotonic()
            outcomes = [o for package in PARTS[part] for o in run(package, environment)]
            excluded = [o for o in outcomes if o.status == "failed" and o.id in EXCLUDED]
            kept = [o for o in outcomes if o not in excluded]
            tally = results.counts(kept)
            failures += tally["failed"]
            for outcome in kept:
                if outcome.status == "failed":
                    say(f"FAIL {outcome.id}: {outcome.why[-600:]}")
            say(f"gophercloud {part}: {tally} and {len(excluded)} excluded")
            name = f"gophercloud {part}"
            line = row(name, tally, time.monotonic() - started)
            results.write_results({name: line | {"tests": str(len(outcomes)), "excluded": str(len(excluded))}})
    return 1 if failures else 0


def settings_of(cloud: Cloud) -> dict[str, str]:
    """The variables that tell the tests of a cloud."""
    auth = cloud.credentials("pileus-admin")
    with httpx.Client(timeout=60) as http:
        at = log_in(http, auth["auth_url"], auth)
        networks = {n["name"]: n for n in get(http, f"{at['network']}/v2.0/networks")["networks"]}
        [image] = get(http, f"{at['image']}/v2/images?name=tiny")["images"]
    return {
        "OS_AUTH_URL": auth["auth_url"], "OS_USERNAME": auth["username"], "OS_PASSWORD": auth["password"], "OS_DOMAIN_NAME": "Default",
        "OS_PROJECT_NAME": auth["project_name"], "OS_REGION_NAME": "RegionOne", "OS_BRANCH": "master", "OS_POOL_NAME": "public",
        "OS_NETWORK_NAME": "private", "OS_NETWORK_ID": networks["private"]["id"], "OS_SUBNET_ID": networks["private"]["subnets"][0],
        "OS_EXTGW_ID": networks["public"]["id"], "OS_IMAGE_ID": image["id"], "OS_FLAVOR_ID": "42", "OS_FLAVOR_ID_RESIZE": "1",
        "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(HOME / "go"),
    }


def run(package: str, environment: dict[str, str]) -> list[Outcome]:
    done = subprocess.run(["go", "test", "-json", "-count=1", "-timeout", "1200s", "-tags", "acceptance", f"{TESTS}/{package}"],
                          env=environment, stdout=subprocess.PIPE, check=False)
    return list(outcomes_of(done.stdout.splitlines()))


def outcomes_of(lines: Iterable[bytes]) -> Iterable[Outcome]:
    """What became of each test by the events of `go test -json`. One that began and never ended has failed."""
    said: dict[str, list[str]] = {}
    for event in map(json.loads, lines):
        test = event.get("Test")
        if test is None or "/" in test:
            continue
        if event["Action"] in ("run", "output"):
            said.setdefault(test, []).append(event.get("Output", ""))
        elif event["Action"] in ("pass", "fail", "skip"):
            status = {"pass": "passed", "fail": "failed", "skip": "skipped"}[event["Action"]]
            yield Outcome(id=test, status=status, seconds=event.get("Elapsed", 0.0), why="".join(said.pop(test, [])))
    for test, text in said.items():
        yield Outcome(id=test, status="failed", why="".join(text))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
