"""Who asks: the identity behind one request, as the token proved it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

#: The scope that sees everybody's resources.
EVERYONE = "*"


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """The caller. Made by identity from a verified token and by nobody from a request's headers."""

    user_id: str | None = None
    user_name: str = ""
    user_domain_id: str | None = None
    project_id: str | None = None
    project_name: str = ""
    project_domain_id: str | None = None
    domain_id: str | None = None                      # the scope is this domain
    system_scope: str | None = None                   # "all": the scope is the whole deployment
    roles: frozenset[str] = frozenset()               # names in lower case, implied roles included
    token: str = ""
    audit_id: str = ""
    expires_at: str = ""
    request_id: str = ""
    trust_id: str | None = None                       # acts by a trust: on behalf of another, with no more than was entrusted
    app_cred_id: str | None = None                    # acts by an application credential
    unrestricted: bool = False                        # ... which may make more application credentials
    certificate: str | None = None                    # thumbprint of the certificate that must come with the token
    by_keys: bool = False                             # acts by what was signed with EC2 keys or an access token (OAuth 1.0a)
    service_roles: frozenset[str] = frozenset()       # of the X-Service-Token, when there was one

    @property
    def is_admin(self) -> bool:
        return "admin" in self.roles

    @property
    def scope(self) -> str | None:
        """What reads are limited to: a project's id, or EVERYONE for administrators."""
        return EVERYONE if self.is_admin else self.project_id


#: The cloud itself, acting on nobody's behalf (sagas, periodic tasks).
CLOUD = Context(user_id="pileus", user_name="pileus", system_scope="all",
                roles=frozenset({"admin", "manager", "member", "reader", "service"}))


def on_its_own(request_id: str) -> Context:
    """The cloud, doing something that is recorded like what users do: under a request's id of its own."""
    return msgspec.structs.replace(CLOUD, request_id=request_id)
