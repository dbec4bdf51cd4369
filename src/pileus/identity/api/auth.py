"""Tokens: POST, GET, HEAD and DELETE of /v3/auth/tokens, and what a token's holder may choose from."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from pileus.core.errors import Forbidden, Invalid, Unauthenticated
from pileus.core.http import Reply, Request, Route
from pileus.identity.api.application_credentials import show_access_rule
from pileus.identity.api.assertion import assertion_of, remote_of, source_of
from pileus.identity.api.domains import show_domain
from pileus.identity.api.oauth1 import signed
from pileus.identity.api.projects import show_project
from pileus.identity.api.views import BASE, listing, truth
from pileus.identity.errors import MethodNotSupported, TokenNotFound
from pileus.identity.model import ApplicationCredentialRef, Login, PasswordUser, Project, Role, Scope, TotpUser, User
from pileus.identity.payload import FEDERATED, METHODS, OAUTH1, SYSTEM, UNSCOPED
from pileus.identity.service.tokens import Verified, stamp

#: Sent with a token to be validated by who keeps to the access rules in the answer.
ACCESS_RULES = "openstack-identity-access-rules"


class PasswordProof(msgspec.Struct, frozen=True):
    user: PasswordUser


class TotpProof(msgspec.Struct, frozen=True):
    user: TotpUser


class TokenProof(msgspec.Struct, frozen=True):
    id: str


class FederatedProof(msgspec.Struct, frozen=True):
    """Whom to believe; what they say is in the request's headers."""

    identity_provider: str
    protocol: str


class Proofs(msgspec.Struct, frozen=True):
    """`methods` names the proofs to look at."""

    methods: list[str]
    password: PasswordProof | None = None
    token: TokenProof | None = None
    totp: TotpProof | None = None
    application_credential: ApplicationCredentialRef | None = None
    mapped: FederatedProof | None = None
    openid: FederatedProof | None = None
    saml2: FederatedProof | None = None
    x509: FederatedProof | None = None
    external: dict[str, Any] | None = None
    kerberos: dict[str, Any] | None = None


class WantedScope(Scope, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`{"unscoped": {}}` is the older spelling of "unscoped"."""

    unscoped: dict[str, Any] | None = None


class Auth(msgspec.Struct, frozen=True):
    identity: Proofs
    scope: WantedScope | Literal["unscoped"] | UnsetType = UNSET

    def wanted(self) -> Scope | Literal["unscoped"] | None:
        """What the token is to be good for; None: for what the user works on by default. Raises Invalid for two things at once."""
        if isinstance(self.scope, UnsetType):
            return None
        if isinstance(self.scope, str) or self.scope.unscoped is None:
            return self.scope
        if self.scope != WantedScope(unscoped=self.scope.unscoped):
            raise Invalid("Expecting to find nothing beside unscoped in scope.")
        return "unscoped"


class AuthBody(msgspec.Struct, frozen=True):
    auth: Auth


async def create_token(req: Request, body: AuthBody) -> Reply:
    """A token for who proves to be somebody."""
    identity, proofs = req.services.identity, body.auth.identity
    if OAUTH1 in proofs.methods:
        if proofs.methods != [OAUTH1] or body.auth.wanted() is not None:
            raise Invalid("oauth1 is the only method of a request, and its scope is that of the access token.")
        verified = await identity.oauth1.log_in(signed(req, "oauth_token"))
    elif FEDERATED.isdisjoint(proofs.methods):
        verified = await identity.logins.log_in(_login(req, body.auth))
    else:
        by = _federated(proofs)
        said = await assertion_of(req, by.identity_provider)
        scope = body.auth.wanted() or "unscoped"
        verified = await identity.federated_logins.log_in(by.identity_provider, by.protocol, said, scope)
    return await reply(req, verified, 201)


async def show_token(req: Request) -> Reply:
    """What the token in X-Subject-Token means."""
    return await reply(req, await _subject(req), 200)


async def delete_token(req: Request) -> None:
    """And those that were made from it, unless `cascade=false`."""
    cascade = truth(req.query.get("cascade", "true"))
    await req.services.identity.tokens.revoke(await _subject(req), cascade=cascade)


async def list_auth_projects(req: Request) -> dict[str, Any]:
    """The projects the caller may act on."""
    found = await req.services.identity.assignments.projects_of(req.who.user_id)
    domains = {p.domain_id: await req.services.identity.projects.get(p.domain_id) for p in found}
    return listing(req, "projects", [show_project(req, p) for p in found if p.enabled and domains[p.domain_id].enabled])


async def list_auth_domains(req: Request) -> dict[str, Any]:
    found = await req.services.identity.assignments.domains_of(req.who.user_id)
    return listing(req, "domains", [show_domain(req, d) for d in found if d.enabled])


async def list_auth_systems(req: Request) -> dict[str, Any]:
    has_role = await req.services.identity.assignments.on_system_any(req.who.user_id)
    return {"system": [{"all": True}] if has_role else [], "links": {"self": req.url(BASE + "/auth/system")}}


async def show_auth_catalog(req: Request) -> dict[str, Any]:
    if not req.who.project_id:
        raise Forbidden("A project-scoped token is required to produce a service catalog.")
    catalog = await req.services.identity.catalog(req.who.project_id, req.who.user_id)
    return {"catalog": catalog, "links": {"self": req.url(BASE + "/auth/catalog")}}


async def subject_target(req: Request) -> dict[str, Any]:
    return {"target": {"token": {"user_id": (await _subject(req)).context.user_id}}}


def _federated(proofs: Proofs) -> FederatedProof:
    """The only proof: who is identified elsewhere is identified there whole."""
    by = getattr(proofs, proofs.methods[0]) if len(proofs.methods) == 1 else None
    if by is None:
        raise Invalid("A federated method cannot be one of several, and says its identity_provider and protocol.")
    return by


def _login(req: Request, auth: Auth) -> Login:
    proofs = auth.identity
    if not proofs.methods:
        raise Unauthenticated()
    if not set(proofs.methods) <= set(METHODS):
        raise MethodNotSupported(methods=sorted(METHODS))
    named = {method: getattr(proofs, method, None) for method in proofs.methods}
    for method, proof in named.items():
        if proof is None:
            raise Invalid(f"Expecting to find {method} in identity.")
    password, token, totp = named.get("password"), named.get("token"), named.get("totp")
    return Login(
        password=password.user if password is not None else None,
        token=token.id if token is not None else None,
        totp=totp.user if totp is not None else None,
        receipt=req.header("openstack-auth-receipt"),
        application_credential=named.get("application_credential"),
        remote=remote_of(req, proofs.methods),
        scope=auth.wanted(),
        source=source_of(req),
    )


async def _subject(req: Request) -> Verified:
    """The token in question. Raises TokenNotFound when it is not valid."""
    token = req.header("x-subject-token")
    if not token:
        raise TokenNotFound()
    late = req.method in ("GET", "HEAD") and truth(req.query.get("allow_expired"))
    found = await req.services.identity.tokens.find(token, late=late)
    if found is None:
        raise TokenNotFound()
    if found.meaning.gate is not None and token != req.who.token and not req.header(ACCESS_RULES):
        raise TokenNotFound()  # who does not know of access rules would not keep to them
    return found


async def reply(req: Request, v: Verified, status: int) -> Reply:
    token = show(v)
    if v.payload.scope != UNSCOPED and "nocatalog" not in req.query:
        token["catalog"] = await req.services.identity.catalog(v.context.project_id, v.context.user_id)
    return Reply(status, {"token": token}, {"x-subject-token": v.token})


def show(v: Verified) -> dict[str, Any]:
    p, m = v.payload, v.meaning
    shown: dict[str, Any] = {
        "methods": p.shown_methods,
        "user": _named(m.user) | {"domain": _named(m.user_domain), "password_expires_at": _end(m.user)},
        "audit_ids": list(p.audit_ids[:2]),
        "expires_at": v.context.expires_at,
        "issued_at": stamp(p.issued_at),
    }
    if m.federated is not None:
        shown["user"]["OS-FEDERATION"] = {
            "identity_provider": {"id": m.federated.idp_id},
            "protocol": {"id": m.federated.protocol_id},
            "groups": [{"id": id} for id in m.federated_groups],
        }
    if m.project is not None and m.project_domain is not None:
        shown |= {"project": _named(m.project) | {"domain": _named(m.project_domain)}, "is_domain": m.project.is_domain}
    elif m.domain is not None:
        shown["domain"] = _named(m.domain)
    elif p.scope == SYSTEM:
        shown["system"] = {"all": True}
    if m.trust is not None:
        shown["OS-TRUST:trust"] = {
            "id": m.trust.id,
            "impersonation": m.trust.impersonation,
            "trustor_user": {"id": m.trust.trustor_user_id},
            "trustee_user": {"id": m.trust.trustee_user_id},
        }
    if m.app_cred is not None:
        shown["application_credential"] = {
            "id": m.app_cred.id,
            "name": m.app_cred.name,
            "restricted": not m.app_cred.unrestricted,
        } | ({} if m.access_rules is None else {"access_rules": [show_access_rule(r) for r in m.access_rules]})
    if m.service_providers:
        shown["service_providers"] = [{"id": sp.id, "auth_url": sp.auth_url, "sp_url": sp.sp_url} for sp in m.service_providers]
    if p.thumbprint is not None:
        shown["oauth2_credential"] = {"x5t#S256": p.thumbprint}
    if m.access is not None:
        shown["OS-OAUTH1"] = {"access_token_id": m.access.id, "consumer_id": m.access.consumer_id}
    if p.scope != UNSCOPED:
        shown["roles"] = [_named(r) for r in m.roles]
    return shown


def _end(user: User) -> str | None:
    return stamp(user.password_expires_at) if user.password_expires_at is not None else None


def _named(record: User | Project | Role) -> dict[str, Any]:
    return {"id": record.id, "name": record.name}


ROUTES = [
    Route("POST", "/v3/auth/tokens", create_token, body=AuthBody, ok=201),
    Route("GET", "/v3/auth/tokens", show_token, policy="identity:validate_token", target=subject_target),
    Route("HEAD", "/v3/auth/tokens", show_token, policy="identity:check_token", target=subject_target),
    Route("DELETE", "/v3/auth/tokens", delete_token, policy="identity:revoke_token", target=subject_target, ok=204),
    Route("GET", "/v3/auth/projects", list_auth_projects, policy="identity:get_auth_projects"),
    Route("GET", "/v3/auth/domains", list_auth_domains, policy="identity:get_auth_domains"),
    Route("GET", "/v3/auth/system", list_auth_systems, policy="identity:get_auth_system"),
    Route("GET", "/v3/auth/catalog", show_auth_catalog, policy="identity:get_auth_catalog"),
]
