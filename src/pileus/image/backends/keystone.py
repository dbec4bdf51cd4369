"""A token and an endpoint for the stores of images that are behind a cloud's identity: this one's or another's."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from pileus.core.clock import Clock, parse_iso
from pileus.image.backends.base import StoreFailed
from pileus.image.backends.config import KeystoneOptions
from pileus.image.wire import ask

#: A token is not used for an upload that might outlive it.
RESERVE = timedelta(minutes=10)


class _Endpoint(msgspec.Struct):
    interface: str
    url: str
    region_id: str | None = None


class _Service(msgspec.Struct):
    type: str
    endpoints: list[_Endpoint] = []


class _Token(msgspec.Struct):
    expires_at: str
    catalog: list[_Service] = []


class _Answer(msgspec.Struct):
    token: _Token


class Session:
    """Logs in when it is needed, and again before the token ends."""

    def __init__(self, config: KeystoneOptions, service: str, clock: Clock):
        self.config, self.service, self.clock = config, service, clock
        self.found: tuple[str, str, datetime] | None = None

    def forget(self) -> None:
        """The token was refused: log in anew next time."""
        self.found = None

    async def endpoint(self) -> tuple[str, str]:
        """(the address of the service, a token). Raises OSError or StoreFailed."""
        if self.found is None or self.found[2] < self.clock.now():
            self.found = await self._log_in()
        return self.found[0], self.found[1]

    async def _log_in(self) -> tuple[str, str, datetime]:
        body = msgspec.json.encode({"auth": {"identity": self._identity(), **self._scope()}})
        async with ask("POST", f"{self.config.auth_url.rstrip('/')}/auth/tokens", {"Content-Type": "application/json"}, body) as answer:
            text = await answer.read()
            if answer.status != 201:
                raise StoreFailed(detail=f"identity answered {answer.status}")
        try:
            token = msgspec.json.decode(text, type=_Answer).token
            ends = parse_iso(token.expires_at)
        except (msgspec.DecodeError, ValueError) as odd:
            raise StoreFailed(detail="what identity answered is not understood") from odd
        reserve = min(RESERVE, (ends - self.clock.now()) / 2)
        return self._endpoint(token.catalog), answer.headers.get("x-subject-token", ""), ends - reserve

    def _identity(self) -> dict[str, Any]:
        config = self.config
        if config.application_credential_id:
            known = {"id": config.application_credential_id, "secret": config.application_credential_secret}
            return {"methods": ["application_credential"], "application_credential": known}
        user = {"name": config.username, "password": config.password, "domain": {"name": config.user_domain_name}}
        return {"methods": ["password"], "password": {"user": user}}

    def _scope(self) -> dict[str, Any]:
        if self.config.application_credential_id:
            return {}
        return {"scope": {"project": {"name": self.config.project_name, "domain": {"name": self.config.project_domain_name}}}}

    def _endpoint(self, catalog: list[_Service]) -> str:
        """Raises StoreFailed."""
        for service in catalog:
            for endpoint in service.endpoints if service.type == self.service else ():
                if endpoint.interface == self.config.interface and self.config.region in ("", endpoint.region_id):
                    return endpoint.url.rstrip("/")
        raise StoreFailed(detail=f"the catalog has no {self.config.interface} endpoint of type {self.service}")
