"""Identity beside what it should do: `python -m benchmarks.identity [--users N] [--seconds S] [--save FILE]`.

The longest lists and the validation of a token, in this process: identity alone on SQLite in memory, asked over ASGI, 10,000
users of one domain, each with a role on one of 100 projects. Then tokens over HTTP (`benchmarks/tokens.py`).
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import msgspec

from benchmarks import tokens
from benchmarks.tokens import Measured
from pileus.core.bus import Loopback
from pileus.core.clock import Clock
from pileus.core.db import Database
from pileus.core.http.app import Edge, build
from pileus.core.ids import Ids
from pileus.core.kit import Kit
from pileus.core.metrics import Metrics
from pileus.core.periodic import Ticker
from pileus.core.policy import Policy
from pileus.core.saga import Sagas
from pileus.identity.api import API
from pileus.identity.config import IdentityConfig
from pileus.identity.model import Assignment, User
from pileus.identity.policy import DEFAULTS
from pileus.identity.service import Identity

ROUNDS, VALIDATIONS = 15, 20_000
#: What is asked for, and the aim in ms.
ASKED = {
    "a page of 100 users": ("/users?limit=100", 5),
    "a later page": ("/users?limit=100&marker={marker}", 5),
    "a user by name": ("/users?name=user5000&domain_id=default", 5),
    "role assignments, effective": ("/role_assignments?effective", 100),
    "of one project": ("/role_assignments?effective&scope.project.id={project}", 5),
    "of one user": ("/role_assignments?effective&user.id={marker}", 5),
}


async def fill(identity: Identity, count: int) -> dict[str, str]:
    """Users and their roles; an id of each kind to ask about."""
    ids, reader = identity.core.ids, await identity.roles.find_named("reader")
    assert reader is not None
    projects = [await identity.create_project(f"project{at}") for at in range(100)]
    users = sorted((User(id=ids.hex(), name=f"user{at}", domain_id="default") for at in range(count)), key=lambda u: u.id)
    async with identity.core.db.transaction():
        for at, user in enumerate(users):
            await identity.core.store.users.add(user)
            project = projects[at % 100].id
            await identity.core.store.assignments.add(
                Assignment(actor_type="user", actor_id=user.id, target_type="project", target_id=project, role_id=reader.id)
            )
    return {"marker": users[count // 2].id, "project": projects[5].id}


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.identity", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long to repeat each request over HTTP")
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    rows = [*asyncio.run(in_process(options.users)), *tokens.measure(options.seconds)]
    for row in rows:
        sign = "≤" if row.most else "≥"
        print(f"{row.what:44} {row.value:10,.2f} {row.unit:22} aim {sign} {row.aim:<8,g} {row.ratio:6.1f} × {row.about}")
    if options.save:
        options.save.parent.mkdir(exist_ok=True)
        options.save.write_bytes(msgspec.json.format(msgspec.json.encode(rows)) + b"\n")


async def in_process(count: int) -> list[Measured]:
    db, clock, ids = await Database.open("sqlite://"), Clock(), Ids()
    await db.create_schema()
    kit = Kit(db=db, bus=Loopback(), clock=clock, ids=ids, sagas=Sagas(db, clock, ids, "bench"), ticker=Ticker(clock, ids),
              policy=Policy(DEFAULTS), metrics=Metrics())
    identity = Identity(kit, IdentityConfig(bcrypt_cost=4, hash_threads=0))
    await identity.start()
    await identity.bootstrap(admin_password="secret", services=[("identity", "keystone", "http://cloud/identity")])
    known = await fill(identity, count)
    edge = Edge(services=SimpleNamespace(identity=identity), authenticate=identity.authenticate_request, policy=kit.policy,
                ids=ids, metrics=kit.metrics)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(build([API], edge)), base_url="http://cloud/identity/v3") as http:
        http.headers["x-auth-token"] = await token(http)
        rows = [await validation(identity, http.headers["x-auth-token"])]
        for what, (path, aim) in ASKED.items():
            took, entries = await median_ms(http, path.format(**known))
            rows.append(Measured(what, took, "ms of processor time", aim, True, f"{entries} entries"))
    await identity.stop()
    await db.close()
    return rows


async def validation(identity: Identity, token: str) -> Measured:
    """What every request to every service costs before its handler runs."""
    began = time.process_time()
    for _ in range(VALIDATIONS):
        await identity.authenticate(token, request_id="req")
    return Measured("validate a token in this process", (time.process_time() - began) / VALIDATIONS * 1e6, "µs", 50, True)


async def token(http: httpx.AsyncClient) -> str:
    user = {"name": "admin", "domain": {"id": "default"}, "password": "secret"}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": {"system": {"all": True}}}}
    return (await http.post("/auth/tokens", json=body)).headers["x-subject-token"]


async def median_ms(http: httpx.AsyncClient, path: str) -> tuple[float, int]:
    times, entries = [], 0
    for _ in range(ROUNDS):
        begin = time.process_time()               # nothing here waits, and what else the machine does shall not count
        answer = await http.get(path)
        times.append(time.process_time() - begin)
        found: Any = json.loads(answer.content)
        entries = max(len(value) for value in found.values() if isinstance(value, list))
    return 1000 * statistics.median(times), entries


if __name__ == "__main__":
    main()
