"""Database servers for tests: started from what Debian's packages bring, in a folder of their own, on a socket or a free port.

    with server("postgresql") as url: ...
"""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.ports import free_port

KINDS = ("postgresql", "mysql")


def _postgresql() -> str | None:
    """The folder of PostgreSQL's programs."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))
    path = found[-1] if found else shutil.which("postgres")
    return str(Path(path).parent) if path and (Path(path).parent / "initdb").exists() else None


def missing(kind: str) -> str:
    """Why no such server can be started here; empty when one can."""
    if kind == "postgresql":
        return "" if _postgresql() else "PostgreSQL is not installed"
    return "" if shutil.which("mariadbd", path="/usr/sbin:/usr/bin:/usr/local/bin") else "MariaDB is not installed"


def _as_user() -> dict:
    """Database servers refuse to be root."""
    if os.geteuid() != 0:
        return {}
    who = pwd.getpwnam("postgres" if any(u.pw_name == "postgres" for u in pwd.getpwall()) else "nobody")
    return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}


@contextlib.contextmanager
def server(kind: str) -> Iterator[str]:
    """The URL of an empty database; the server ends with the context."""
    user, port = _as_user(), free_port()
    with tempfile.TemporaryDirectory(prefix="pileus-db-", ignore_cleanup_errors=True) as folder:
        if user:
            os.chown(folder, user["user"], user["group"])
        start, url = (_start_postgresql if kind == "postgresql" else _start_mariadb)(folder, port, user)
        child = subprocess.Popen(start, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **user)
        try:
            _wait(port, child)
            if kind == "postgresql":                     # it listens before it takes connections
                ready = [f"{_postgresql()}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
                _until(lambda: not subprocess.run(ready).returncode)
            if kind == "mysql":
                client = ["mariadb", "--protocol=tcp", "-h127.0.0.1", f"-P{port}", "-upileus"]
                subprocess.run([*client, "-e", "CREATE DATABASE pileus CHARACTER SET utf8mb4"], check=True)
            yield url
        finally:
            # PostgreSQL waits for its clients when it is terminated, and does not when it is interrupted.
            child.send_signal(signal.SIGINT if kind == "postgresql" else signal.SIGTERM)
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _start_postgresql(folder: str, port: int, user: dict) -> tuple[list[str], str]:
    programs = _postgresql()
    install = [f"{programs}/initdb", "-D", f"{folder}/data", "-U", "pileus", "-A", "trust", "-N", "-E", "UTF8", "--no-instructions"]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL, **user)
    options = ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}", "-p", str(port)]
    return [f"{programs}/postgres", "-D", f"{folder}/data", *options], f"postgresql+asyncpg://pileus@127.0.0.1:{port}/postgres"


def _start_mariadb(folder: str, port: int, user: dict) -> tuple[list[str], str]:
    install = ["mariadb-install-db", "--no-defaults", f"--datadir={folder}/data", "--auth-root-authentication-method=normal",
               "--skip-test-db"]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **user)
    grants = Path(folder) / "grants.sql"
    # One statement a line: that is what an init file is.
    users = ("pileus@'%'", "pileus@'localhost'")
    grants.write_text("".join(f"CREATE USER IF NOT EXISTS {name};\nGRANT ALL ON *.* TO {name};\n" for name in users))
    program = shutil.which("mariadbd", path="/usr/sbin:/usr/bin:/usr/local/bin") or "mariadbd"
    options = [f"--datadir={folder}/data", f"--socket={folder}/sock", f"--port={port}", "--bind-address=127.0.0.1", f"--init-file={grants}",
               "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin", f"--pid-file={folder}/pid"]
    return [program, "--no-defaults", *options], f"mysql+asyncmy://pileus@127.0.0.1:{port}/pileus?charset=utf8mb4"


def _wait(port: int, child: subprocess.Popen) -> None:
    def listens() -> bool:
        if child.poll() is not None:
            raise RuntimeError(f"the database server ended with {child.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    _until(listens)


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if true():
            return
        time.sleep(0.1)
    raise RuntimeError("the database server does not answer")
