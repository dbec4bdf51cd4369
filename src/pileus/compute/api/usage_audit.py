"""The log of usage audits: which hosts were counted for the last period, and which were not."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from pileus.compute.api.query import refusing
from pileus.core.errors import Invalid
from pileus.core.http import Request, Route

FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f")


async def list_logs(req: Request) -> dict[str, Any]:
    return {"instance_usage_audit_logs": await _view(req, None)}


async def show_log(req: Request, before: str) -> dict[str, Any]:
    return {"instance_usage_audit_log": await _view(req, _moment(unquote(before)))}


RULE = "os_compute_api:os-instance-usage-audit-log:"
ROUTES = refusing([
    Route("GET", "/v2.1/os-instance_usage_audit_log", list_logs, policy=RULE + "list"),
    Route("GET", "/v2.1/os-instance_usage_audit_log/{before}", show_log, policy=RULE + "show"),
])


def _moment(text: str) -> datetime:
    for form in FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise Invalid(f"Invalid timestamp for date {text}")


async def _view(req: Request, before: datetime | None) -> dict[str, Any]:
    beginning, ending, audits, missing = await req.services.compute.audits.before(before)
    errors = sum(audit.errors for audit in audits)
    done, hosts = len(audits), len(audits) + len(missing)
    status = f"ALL hosts done. {errors} errors." if not missing else f"{done} of {hosts} hosts done. {errors} errors."
    return {
        "period_beginning": f"{beginning:%Y-%m-%d %H:%M:%S}", "period_ending": f"{ending:%Y-%m-%d %H:%M:%S}", "num_hosts": hosts,
        "num_hosts_done": done, "num_hosts_running": 0, "num_hosts_not_run": len(missing), "hosts_not_run": missing,
        "total_instances": sum(audit.servers for audit in audits), "total_errors": errors, "overall_status": status,
        "log": {audit.host: {"state": "DONE", "instances": audit.servers, "errors": audit.errors, "message": audit.message}
                for audit in audits},
    }
