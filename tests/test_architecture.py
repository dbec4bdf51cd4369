"""The invariants of docs/ARCHITECTURE.md, read off the source: who may import whom, and what must be nowhere."""

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).parent.parent / "src" / "pileus"
SERVICES = ("identity", "image", "placement", "compute", "network", "object_store")
FILES = sorted(SRC.rglob("*.py"))
#: Layers of a service, lowest first; a module may import from its own and from lower ones.
LAYERS = ("model", "store", "service", "api")


def name(path: Path) -> str:
    return str(path.relative_to(SRC))


def imports(path: Path) -> set[str]:
    """Modules a file imports, those inside functions included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def calls(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def files(*below: str) -> list[Path]:
    return [p for p in FILES if name(p).startswith(below)]


@pytest.mark.parametrize("path", files("core/"), ids=name)
def test_the_kit_imports_no_service(path):
    assert not {m for m in imports(path) if m.startswith(tuple(f"pileus.{s}" for s in SERVICES))}


@pytest.mark.parametrize("service", SERVICES)
def test_services_import_downwards(service):
    wrong = []
    for path in files(f"{service}/"):
        part = name(path).split("/")[1].removesuffix(".py")
        if part not in LAYERS:
            continue
        above = LAYERS[LAYERS.index(part) + 1:]
        wrong += [f"{name(path)}: {m}" for m in imports(path) if m.startswith(tuple(f"pileus.{service}.{layer}" for layer in above))]
    assert not wrong


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reaches_another_only_through_what_it_is_given(service):
    """Tables, stores and HTTP of one service are nobody else's."""
    others = tuple(f"pileus.{other}.{part}" for other in SERVICES if other != service for part in ("store", "api"))
    wrong = [f"{name(p)}: {m}" for p in files(f"{service}/") for m in imports(p) if m.startswith(others)]
    assert not wrong


def test_only_stores_speak_sql():
    wrong = []
    for path in FILES:
        parts = name(path).split("/")
        if parts[0] in SERVICES and not parts[1].startswith("store") and any(m.split(".")[0] == "sqlalchemy" for m in imports(path)):
            wrong.append(name(path))
    assert not wrong


def test_handlers_do_not_catch():
    wrong = [f"{name(p)}:{node.lineno}" for p in FILES if "/api/" in name(p) for node in ast.walk(ast.parse(p.read_text()))
             if isinstance(node, ast.AsyncFunctionDef) and any(isinstance(n, ast.Try) for n in ast.walk(node))]
    assert not wrong


def test_agents_and_drivers_have_no_database():
    wrong = [f"{name(p)}: {m}" for p in files("compute/agent.py", "network/agent.py", "compute/hypervisor/", "network/datapath/")
             for m in imports(p) if m.startswith(("sqlalchemy", "pileus.core.db")) or ".store" in m or ".service" in m]
    assert not wrong


def test_the_scheduler_awaits_nothing():
    wrong = [f"{name(p)}:{n.lineno}" for p in files("compute/scheduler/") for n in ast.walk(ast.parse(p.read_text()))
             if isinstance(n, (ast.Await, ast.AsyncFunctionDef))]
    assert not wrong


FORBIDDEN = {"time.time", "time.monotonic", "time.perf_counter", "datetime.now", "datetime.utcnow", "datetime.datetime.now", "uuid.uuid1",
             "uuid.uuid4", "uuid4", "random.random", "random.choice", "random.shuffle", "random.randint", "os.urandom", "secrets.token_hex",
             "secrets.token_bytes", "secrets.token_urlsafe", "asyncio.sleep", "time.sleep"}


def test_no_clock_chance_or_sleep_outside_the_kit():
    bound = [p for p in FILES if not name(p).startswith("core/")]
    wrong = [f"{name(p)}:{node.lineno} {call}" for p in bound for node, call in calls(p) if call in FORBIDDEN]
    assert not wrong


def test_no_function_takes_more_than_eight_arguments():
    """What belongs together is one value."""
    wrong = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                given = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs) if a.arg not in ("self", "cls")]
                wrong += [f"{name(path)}:{node.lineno} {node.name}"] if len(given) > 8 else []
    assert not wrong


def test_nothing_is_left_for_later():
    wrong = [name(p) for p in FILES if any(word in p.read_text() for word in ("NotImplementedError", "TODO", "FIXME", "XXX"))]
    assert not wrong


def test_every_module_says_what_it_is():
    wrong = [name(p) for p in FILES if p.read_text().strip() and not ast.get_docstring(ast.parse(p.read_text()))]
    assert not wrong


def test_errors_have_one_code_each():
    import pkgutil

    import pileus
    from pileus.core.errors import every

    for module in pkgutil.walk_packages(pileus.__path__, "pileus."):
        if module.name.endswith((".errors", ".base", ".verdict", ".saga", ".db", ".microversion")):
            __import__(module.name)
    codes = every()
    assert len(codes) > 40
    assert all(200 < cls.status < 600 and cls.message for cls in codes.values())
