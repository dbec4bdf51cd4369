"""Logs: one line per event, `key=value` for people or JSON for machines, and never a secret.

Use the standard library's loggers with facts in `extra`-style keyword form through `log(…)`:
    log.info("server built", server=server.id, seconds=1.2)
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
import re
import sys
from typing import Any

import msgspec

SECRET_KEYS = re.compile(r"pass|secret|token|private_key|admin_?pass|credential|signature|authorization", re.I)
#: Sealed and signed tokens, hashes of passwords; then what stands behind a telling name.
_LOOKS_SECRET = r"gAAAA[\w\-=]{20,}|eyJ[\w\-]{10,}\.[\w\-]{10,}\.[\w\-]{10,}|\$(?:2[aby]|scrypt|pbkdf2-sha512)\$[^\s\"']+"
SECRET_VALUES = re.compile(rf"({_LOOKS_SECRET})|((?:password|secret|adminPass|token)\"?\s*[:=]\s*\"?)[^\s\",}}]+", re.I)


class Log:
    """A named logger whose calls take facts as keywords."""

    def __init__(self, name: str):
        self.logger = logging.getLogger(name)

    def _log(self, level: int, event: str, exc_info: Any, facts: dict[str, Any]) -> None:
        if self.logger.isEnabledFor(level):
            self.logger.log(level, event, exc_info=exc_info, extra={"facts": facts})

    def debug(self, event: str, **facts: Any) -> None:
        self._log(logging.DEBUG, event, None, facts)

    def info(self, event: str, **facts: Any) -> None:
        self._log(logging.INFO, event, None, facts)

    def warning(self, event: str, **facts: Any) -> None:
        self._log(logging.WARNING, event, None, facts)

    def error(self, event: str, **facts: Any) -> None:
        self._log(logging.ERROR, event, None, facts)

    def exception(self, event: str, **facts: Any) -> None:
        """An error with the traceback of the exception being handled."""
        self._log(logging.ERROR, event, True, facts)


def scrub(text: str) -> str:
    """The text without what looks like a token or a password."""
    return SECRET_VALUES.sub(lambda m: "***" if m.group(1) else m.group(2) + "***", text)


def _safe(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts without secrets: by their names, and by what texts look like."""
    return {k: "***" if SECRET_KEYS.search(k) else scrub(v) if isinstance(v, str) else v for k, v in facts.items()}


class _Formatter(logging.Formatter):
    def __init__(self, as_json: bool):
        super().__init__()
        self.as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        facts = _safe(getattr(record, "facts", {}))
        event = scrub(record.getMessage())
        trace = scrub(self.formatException(record.exc_info)) if record.exc_info and record.exc_info[0] else ""
        when = self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}"
        if self.as_json:
            line = {"time": when, "level": record.levelname, "logger": record.name, "event": event, **facts}
            if trace:
                line["trace"] = trace
            return msgspec.json.encode(line, enc_hook=str).decode()
        tail = "".join(f" {k}={scrub(str(v))}" for k, v in facts.items())
        return f"{when} {record.levelname:7} {record.name}: {event}{tail}" + (f"\n{trace}" if trace else "")


def setup(*, as_json: bool = False, level: str = "INFO") -> None:
    """Send all logs to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(as_json))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "pyroute2", "asyncio", "_granian"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
