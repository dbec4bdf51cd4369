"""What upstream OpenStack measures with the same work on the same machine, and what we aim at.

Upstream 2026.2 from PyPI (keystone 30, glance 33, placement 16, nova 34, neutron 29) on 2 cores, 24 GiB, ext4, Python
3.11: MariaDB, RabbitMQ, memcached, nginx in front of uWSGI with 2 processes per API, nova-compute with its fake driver,
neutron without a data plane. Quiet machine, one run each, noise about 20 %, the client on the same 2 cores.
"""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """A scenario, or one part of it: upstream's milliseconds and requests per second, and our aim."""

    median_ms: float | None = None
    p95_ms: float | None = None
    at_1: float | None = None
    at_16: float | None = None
    aim: str = ""


UPSTREAM: dict[tuple[str, str], Row] = {
    ("version", ""): Row(1.3, 2.0, 714, 1797, "≥ 10,000/s at 16"),
    ("token-validate", ""): Row(8.6, 13.4, 111, 255, "≥ 8,000/s at 16"),
    ("token-issue", ""): Row(263, 280, 3.8, 7.3, "≥ 1,500/s at 16"),
    ("images", ""): Row(20.5, 28, 46, 108, "≥ 3,000/s at 16"),
    ("image-show", ""): Row(6.5, 9.2, 146, 370, "≥ 5,000/s at 16"),
    ("image-create", ""): Row(21.9, 31, 42, 90, "≥ 1,500/s at 16"),
    ("flavors", ""): Row(11.4, 17, 82, 183, "≥ 4,000/s at 16"),
    ("servers-0", ""): Row(25.9, 36, 37, 84, "≥ 4,000/s at 16"),
    ("servers-50", ""): Row(301, 616, 3.1, 5.3, "≥ 1,000/s at 16"),
    ("servers-100", ""): Row(405, 1032, 1.7, 4.0, "≥ 600/s at 16"),
    ("networks", ""): Row(22.9, 30, 43, 90, "≥ 4,000/s at 16"),
    ("networks-190", ""): Row(131, 395, 6.3, 11.5, "≥ 500/s at 16"),
    ("network-create", ""): Row(60, 77, 16, 30, "≥ 800/s at 16"),
    ("port-create", ""): Row(126, 152, 7.8, 14.4, "≥ 600/s at 16"),
    ("server-active", "accepted"): Row(289, 523, aim="≤ 10 ms"),
    ("server-active", "active"): Row(1694, 2395, aim="≤ 30 ms"),
    ("servers-at-once", "all active"): Row(50_500, aim="≤ 600 ms"),
    ("servers-at-once", "all deleted"): Row(25_400, aim="≤ 500 ms"),
    ("servers-min-count", "all active"): Row(67_800, aim="≤ 500 ms"),
}

# Swift 2.38.3 with one replica: requests per second (megabytes of 64 MiB bodies), and our aim.
SWIFT: dict[str, tuple[float, str]] = {
    "PUT 4 KiB at 1": (66, ""), "PUT 4 KiB at 16": (136, "≥ 1,200/s"), "GET 4 KiB at 1": (163, ""), "GET 4 KiB at 16": (330, "≥ 4,000/s"),
    "PUT 64 MiB": (206, "≥ 500 MB/s"), "GET 64 MiB": (230, "≥ 1,200 MB/s"),
    "listing, 10,000 of 10,000": (3.3, "≥ 20/s"), "listing, 100 of 10,000": (83, "≥ 1,000/s"),
}

# Rally's boot-and-delete, 1,000 fake hosts, 10,000 servers, 50 at once, on 26 servers (performance-docs, Mitaka).
RALLY = {"per_second": 5.43, "boot_median_s": 6.2, "boot_p95_s": 8.0, "aim": "≥ 100/s"}

START = {
    "first_answer_s": (38.0, "≤ 1.0 s"),
    "idle_rss_mib": (3267.0, "≤ 150 MiB"),
    "processes": (52.0, "1"),
}
