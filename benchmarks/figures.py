"""Make figures.md from the results in `results/`, beside what upstream measures: `python -m benchmarks.figures`.

The results are what the other commands of this folder write with `--save`; a result that is not there is left out.
"""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.upstream import RALLY, START, SWIFT, UPSTREAM, Row
from pileus.bench.report import ms

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
BUSY = 0.7


def main() -> None:
    sections = head, api, rally, identity, images, objects, listings, start, scheduler, real
    text = "\n".join(line for section in sections for line in section())
    (HERE / "figures.md").write_text(text.rstrip() + "\n")


def load(name: str) -> Any:
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def head() -> Iterator[str]:
    about = load("about") or {}
    yield "# The last figures"
    yield ""
    yield (f"Pileus {about.get('version', 'unknown')}, {about.get('date', '')}, {about.get('machine', '')}. Written by"
           " `python -m benchmarks.figures`; the README says how each is measured.")
    yield ("Upstream is OpenStack 2026.2 on a machine of the same kind with its fake compute driver and no data plane, measured"
           " with the same requests; an empty cell was not measured.")
    if float(about.get("load", 0)) > BUSY:
        yield ""
        yield f"**The machine was busy with other work (load {about['load']}) when this was measured: it does better alone.**"
    yield ""


def api() -> Iterator[str]:
    rows = load("api")
    if not rows:
        return
    found: dict[tuple[str, str], dict[int, dict]] = {}
    for row in rows:
        found.setdefault((row["scenario"], row["part"]), {})[row["at"]] = row
    yield "## The API, simulated hosts"
    yield ""
    yield ("| what | median / p95 ms | upstream | per second at 1 | upstream | at 16 | upstream | aim | CPU ms of the cloud at 16 |")
    yield "| --- |" + " ---: |" * 8
    for key, at in found.items():
        one, many, upstream = at.get(1, {}), at.get(16, {}), UPSTREAM.get(key, Row())
        about = (one or many)["about"] + (f": {key[1]}" if key[1] else "")
        theirs, ours = spread(upstream.median_ms, upstream.p95_ms), spread(one.get("median_ms"), one.get("p95_ms"))
        cpu = many.get("server_cpu_ms", None)
        cells = [about, ours, theirs, rate(one.get("per_second")), rate(upstream.at_1), rate(many.get("per_second")),
                 rate(upstream.at_16), upstream.aim, "" if cpu is None else ms(cpu)]
        yield "| " + " | ".join(cells) + " |"
    failed = sum(row["failed"] for row in rows)
    if failed:
        yield ""
        yield f"{failed} repetitions failed."
    yield ""


def spread(median: float | None, p95: float | None) -> str:
    return " / ".join(ms(value) for value in (median, p95) if value is not None)


def rate(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def rally() -> Iterator[str]:
    rows = load("rally")
    if not rows:
        return
    by_part = {row["part"]: row for row in rows}
    boot, gone = by_part["active"], by_part["deleted"]
    yield "## Rally's boot-and-delete: 1,000 simulated hosts, 50 at once"
    yield ""
    yield "| | Pileus, one process | published, 26 servers (Mitaka) | aim |"
    yield "| --- | ---: | ---: | ---: |"
    yield f"| servers booted and deleted | {boot['count']:,} | 10,000 | 10,000 |"
    yield f"| per second | {boot['per_second']:.1f} | {RALLY['per_second']} | {RALLY['aim']} |"
    published = f"{RALLY['boot_median_s']} / {RALLY['boot_p95_s']} s"
    for name, part, other in (("boot", boot, published), ("delete", gone, "")):
        yield f"| {name}, median / p95 | {part['median_ms'] / 1000:.2f} / {part['p95_ms'] / 1000:.2f} s | {other} | |"
    yield f"| failed | {boot['failed']} | | 0 |"
    if boot["server_cpu_ms"] is not None:
        yield f"| CPU of the cloud for each | {boot['server_cpu_ms']:.1f} ms | | |"
    yield ""


def identity() -> Iterator[str]:
    rows = load("identity")
    if not rows:
        return
    yield "## Identity"
    yield ""
    yield "Per core: by the processor time of the server that a request takes. Times: how often the aim is reached; 1 and more is good."
    yield ""
    yield "| what | measured | | aim | times | |"
    yield "| --- | ---: | --- | ---: | ---: | --- |"
    for row in rows:
        times = row["aim"] / row["value"] if row["most"] else row["value"] / row["aim"]
        aim = f"{'≤' if row['most'] else '≥'} {row['aim']:,g}"
        yield f"| {row['what']} | {row['value']:,.2f} | {row['unit']} | {aim} | {times:.1f} | {row['about']} |"
    yield ""


def objects() -> Iterator[str]:
    found = load("objects")
    if not found:
        return
    yield "## The object store, one copy, on the disk before it is acknowledged"
    yield ""
    yield "| | median / p95 ms | Pileus | Swift | aim | CPU ms |"
    yield "| --- |" + " ---: |" * 5
    for name, row in found["rows"].items():
        factor, unit = (2**26 / 1e6, " MB/s") if "64 MiB" in name else (1, "/s")
        theirs, aim = SWIFT.get(name, (None, ""))
        cells = [name, spread(row["median_ms"], row["p95_ms"]), rate(factor * row["per_second"]) + unit,
                 rate(theirs) + unit if theirs else "", aim, ms(row["server_cpu_ms"]) if row["server_cpu_ms"] else ""]
        yield "| " + " | ".join(cells) + " |"
    yield ""
    for name, mib in found.get("mib_above_idle", {}).items():
        yield f"Memory above idle, {name}: {mib:.0f} MiB."
    yield ""
    yield f"Of Pileus {found['version']}, at a load of {found['load']} before."
    yield ""


def images() -> Iterator[str]:
    found = load("images")
    if not found:
        return
    rows = [
        (f"upload of {found['image_mib']:.0f} MiB, beside its digests alone", f"{found['upload_times_hashing']:.2f} times", "1.0"),
        ("the same beside `cp` with fsync", f"{found['upload_times_cp']:.1f} times", ""),
        ("download, of what a server reaches that does nothing but `sendfile`", f"{found['download_of_plain_server']:.2f}", "≥ 0.7"),
        (f"memory above idle with {found['parallel']:.0f} transfers at once", f"{found['parallel_mib_above_idle']:.0f} MiB", "≤ 64 MiB"),
        ("a page of 25 of 10,000 images, for an administrator", f"{found['admin_page_ms']:.1f} ms CPU", "< 5 ms"),
        ("the same for a member who may see nearly none of them", f"{found['member_page_ms']:.1f} ms CPU", "< 5 ms"),
    ]
    yield "## Images"
    yield ""
    yield "| | Pileus | aim |"
    yield "| --- | ---: | ---: |"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def listings() -> Iterator[str]:
    found = load("listings")
    if not found:
        return
    yield "## A page of 10,000 objects, as JSON, in one process (aim: 50 ms)"
    yield ""
    yield "| | CPU ms |"
    yield "| --- | ---: |"
    for name, took in found["rows"].items():
        yield f"| {name} | {ms(took)} |"
    yield ""


def start() -> Iterator[str]:
    found = load("startup")
    if not found:
        return
    rows = [
        ("start to the first answer, new state", f"{found['fresh']['first_answer_s']['median']:.2f} s", *theirs("first_answer_s", " s")),
        ("the same on a state that is there", f"{found['again']['first_answer_s']['median']:.2f} s", "", ""),
        ("memory when idle (resident)", f"{found['idle_rss_mib']:.0f} MiB", *theirs("idle_rss_mib", " MiB")),
        ("processes", str(found["processes"]), *theirs("processes", "")),
        ("processor when idle", f"{found['idle_cpu_percent']:.1f} % of a core", "", ""),
    ]
    yield "## Start and weight, one process with everything, one simulated host"
    yield ""
    yield "| | Pileus | upstream | aim |"
    yield "| --- | ---: | ---: | ---: |"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def theirs(key: str, unit: str) -> tuple[str, str]:
    value, aim = START[key]
    return f"{value:,.0f}{unit}", aim


def scheduler() -> Iterator[str]:
    path = RESULTS / "scheduler.txt"
    if path.exists():
        yield "## A scheduling decision over 10,000 hosts (aim: at most 20 ms)"
        yield ""
        yield from ("    " + line for line in path.read_text().splitlines())
        yield ""


def real() -> Iterator[str]:
    found = load("real_server")
    if not found:
        return
    yield "## A real server (QEMU)"
    yield ""
    yield "| | median | least | most |"
    yield "| --- | ---: | ---: | ---: |"
    for name, key in (("POST /servers to ACTIVE", "active"), ("POST /servers to a login by ssh", "ssh"),
                      ("the same QEMU by hand to a login", "by_hand_ssh")):
        row = found[key]
        yield f"| {name} | {row['median_s']} s | {row['least_s']} s | {row['most_s']} s |"
    yield ""
    yield f"Pileus takes {found['times_by_hand']} times as long as by hand; the aim is at most 1.3."
    yield ""


if __name__ == "__main__":
    main()
