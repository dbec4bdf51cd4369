"""What is said of the one who sends a request, by somebody we believe: an identity provider's signed token, or the headers of
a web server in front that has identified them. Nobody in front is believed unless the configuration names them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from pileus.core.clock import Clock
from pileus.core.errors import Unauthenticated
from pileus.identity.certificates import Certificate, read
from pileus.identity.config import IdentityConfig
from pileus.identity.federation.mapping import Assertion
from pileus.identity.federation.oidc import OidcClient
from pileus.identity.model import DEFAULT_DOMAIN, DomainRef, UserRef

#: Headers about the request, not about a person.
_NOT_SAID = frozenset({"authorization", "cookie", "x-auth-token", "x-subject-token", "x-service-token"})


class Assertions:
    def __init__(self, config: IdentityConfig, clock: Clock):
        self.config = config
        self.clients = {id: OidcClient(provider, clock) for id, provider in config.oidc.items()}
        self.proxies = [ipaddress.ip_network(text, strict=False) for text in config.trusted_proxies]

    async def read(self, idp_id: str, peer: str | None, headers: Mapping[str, str]) -> Assertion:
        """Raises Unauthenticated when nobody we believe says anything. `headers`: names in lower case."""
        kind, _, token = headers.get("authorization", "").partition(" ")
        client = self.clients.get(idp_id)
        if kind.lower() == "bearer" and client is not None:
            provider, token = client.provider, token.strip()
            verify = client.verify if token.count(".") == 2 else client.introspect
            return of_claims(await verify(token, provider.audience or provider.client_id))
        if self.believes(peer):
            return of_headers(headers)
        raise Unauthenticated()

    def remote_user(self, method: str, peer: str | None, headers: Mapping[str, str]) -> UserRef:
        """Whom a web server in front has identified by itself. Raises Unauthenticated when nobody we believe says so."""
        names = (self.config.remote_user_header.lower(), self.config.remote_domain_header.lower())
        name, domain = (_utf8(headers.get(header, "")) if header else "" for header in names)
        if not name or method != self.config.remote_user_method or not self.believes(peer):
            raise Unauthenticated()
        return UserRef(name=name, domain=DomainRef(name=domain) if domain else DomainRef(id=DEFAULT_DOMAIN))

    def certificate(self, peer: str | None, headers: Mapping[str, str]) -> Certificate | None:
        """The client's certificate, as a web server in front that is believed hands it on."""
        header = headers.get(self.config.client_certificate_header.lower(), "")
        return read(header) if header and self.believes(peer) else None

    def believes(self, peer: str | None) -> bool:
        """Whether this address is one of the web servers in front."""
        try:
            address = ipaddress.ip_address(peer or "")
        except ValueError:
            return False
        return any(address in network for network in self.proxies)


def of_claims(claims: Mapping[str, Any]) -> Assertion:
    """A token's claims under the names that mod_auth_openidc gives them: `OIDC-email`, and `HTTP_OIDC_EMAIL`."""
    said: dict[str, list[str]] = {}
    for name, value in claims.items():
        values = [_text(v) for v in value] if isinstance(value, list) else [_text(value)]
        said[f"OIDC-{name}"] = values
        said.setdefault("HTTP_OIDC_" + name.upper().replace("-", "_"), values)
    return said


def of_headers(headers: Mapping[str, str]) -> Assertion:
    """Headers under their own names in lower case, as CGI spells them (`HTTP_X_Y`) and without its prefix (`X_Y`)."""
    said: dict[str, list[str]] = {}
    for name, value in headers.items():
        if name in _NOT_SAID:
            continue
        values, spelled = _utf8(value).split(";"), name.upper().replace("-", "_")
        said |= {name: values, spelled: values, f"HTTP_{spelled}": values}
    return said


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _utf8(value: str) -> str:
    """Servers write UTF-8 where HTTP has Latin-1."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value
