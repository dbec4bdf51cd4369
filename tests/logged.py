"""Whether anything that is logged while a test runs has a secret in it, at any level, before it is masked."""

import contextlib
import logging
import re

from pileus.core.log import SECRET_KEYS

#: Tokens, sealed and signed, and hashes of passwords. What is masked by the name of its fact is not looked at.
SECRETS = re.compile(r"gAAAA[\w-]{40,}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}|\$2[aby]\$\d\d\$|\$scrypt\$|\$pbkdf2-sha512\$")


class Watcher(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        facts = [f"{k}={v}" for k, v in getattr(record, "facts", {}).items() if not SECRET_KEYS.search(k)]
        trace = logging.Formatter().formatException(record.exc_info) if record.exc_info and record.exc_info[0] else ""
        if SECRETS.search(text := " ".join([record.getMessage(), *facts, trace])):
            self.found.append(text)


@contextlib.contextmanager
def watching():
    """Fails when a secret was logged. The cloud's own loggers speak of everything meanwhile."""
    watcher, root, own = Watcher(), logging.getLogger(), logging.getLogger("pileus")
    level = own.level
    root.addHandler(watcher)
    own.setLevel(logging.DEBUG)
    try:
        yield watcher
    finally:
        root.removeHandler(watcher)
        own.setLevel(level)
    assert not watcher.found, watcher.found[:3]
