"""Identity as the rest of the cloud sees it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pileus.core.context import Context
from pileus.core.errors import Unauthenticated
from pileus.core.kit import Kit
from pileus.identity.config import IdentityConfig
from pileus.identity.errors import NotByAccessRules, RoleNotFound
from pileus.identity.federation.assertions import Assertions
from pileus.identity.federation.saml_key import NAME, SamlKey
from pileus.identity.federation.websso import WebSso
from pileus.identity.formats import Formats
from pileus.identity.keys import Keys
from pileus.identity.model import DEFAULT_DOMAIN, SERVICE_ROLE, Assignment, NewPassword, NewProject, Project, User
from pileus.identity.passwords import Passwords
from pileus.identity.service.application_credentials import ApplicationCredentials
from pileus.identity.service.assertions import OwnAssertions
from pileus.identity.service.assignments import Assignments
from pileus.identity.service.bootstrap import bootstrap
from pileus.identity.service.catalog import Catalog
from pileus.identity.service.compliance import Compliance
from pileus.identity.service.consumers import Consumers
from pileus.identity.service.core import Core
from pileus.identity.service.credentials import Credentials
from pileus.identity.service.directories import Directories
from pileus.identity.service.domain_configs import DomainConfigs
from pileus.identity.service.ec2 import Ec2
from pileus.identity.service.effective import Lister
from pileus.identity.service.endpoint_filters import EndpointFilters
from pileus.identity.service.endpoint_policies import EndpointPolicies
from pileus.identity.service.factors import Factors
from pileus.identity.service.federated_logins import FederatedLogins
from pileus.identity.service.federation import Federation
from pileus.identity.service.limits import Limits
from pileus.identity.service.logins import Logins
from pileus.identity.service.meanings import Meanings
from pileus.identity.service.oauth1 import OAuth1
from pileus.identity.service.oauth2 import OAuth2
from pileus.identity.service.policies import Policies
from pileus.identity.service.projects import Projects
from pileus.identity.service.proofs import Proofs
from pileus.identity.service.roles import Roles
from pileus.identity.service.scopes import Scopes
from pileus.identity.service.sealing import Sealing
from pileus.identity.service.throttle import Throttle
from pileus.identity.service.tokenless import Tokenless
from pileus.identity.service.tokens import Tokens
from pileus.identity.service.trusts import Trusts
from pileus.identity.service.users import Groups, Users
from pileus.identity.sources import Sources

if TYPE_CHECKING:
    from pileus.identity.signing_keys import SigningKeys


class Identity:
    """`state`: the folder that keeps this cloud's files. Without it, and without `key_repository`, tokens end with the process.

    The same is true of credentials and `credential_key_repository`.
    """

    def __init__(self, kit: Kit, config: IdentityConfig, state: Path | None = None):
        self.core = Core(kit, config)
        self.keys = Keys(_folder(config.key_repository, state, "fernet-keys"), config, kit.clock, kit.ids)
        self.signing_keys = self._signing_keys(state)
        self.credential_keys = Keys(_folder(config.credential_key_repository, state, "credential-keys"), config, kit.clock, kit.ids)
        self.passwords = Passwords(config, kit.ids)
        self.projects = Projects(self.core)
        self.compliance = Compliance(self.core, self.passwords)
        self.sources = Sources(config.forwarding_proxies)
        self.throttle = Throttle(kit.clock, config.failed_logins_per_minute)
        self.users = Users(self.core, self.passwords, self.compliance, self.throttle)
        self.groups = Groups(self.core)
        self.roles = Roles(self.core)
        self.assignments = Assignments(self.core, self.roles)
        self.lister = Lister(self.core, self.roles)
        self.services = Catalog(self.core)
        self.endpoint_filters = EndpointFilters(self.core)
        self.consumers = Consumers(self.core, self.credential_keys)
        self.domain_configs = DomainConfigs(self.core, self.credential_keys)
        self.directories = Directories(self.core, self.domain_configs)
        self.endpoint_policies = EndpointPolicies(self.core)
        self.federation = Federation(self.core)
        self.limits = Limits(self.core)
        self.policies = Policies(self.core)
        self.credentials = Credentials(self.core, self.credential_keys)
        self.sealing = Sealing(self.core.store.sealed, self.credential_keys)
        self.trusts = Trusts(self.core, self.assignments)
        self.application_credentials = ApplicationCredentials(self.core, self.passwords, self.assignments)
        self.meanings = Meanings(self.core, self.assignments)
        self.tokens = Tokens(self.core, Formats(self.keys, self.signing_keys), self.meanings)
        proofs = Proofs(self.core, self.passwords, Scopes(self.core, self.assignments), self.directories, self.compliance, self.credentials)
        factors = Factors(self.core, self.keys)
        self.logins = Logins(self.core, self.passwords, self.tokens, proofs, factors, self.compliance, self.throttle)
        self.ec2 = Ec2(self.core, self.credentials, self.logins)
        self.oauth1 = OAuth1(self.core, self.credential_keys, self.assignments, self.logins)
        self.own_assertions = OwnAssertions(self.core, self.tokens, self._saml_key(state))
        self.federated_logins = FederatedLogins(self.core, self.federation, self.logins)
        self.oauth2 = OAuth2(self.core, self.logins)
        self.assertions = Assertions(config, kit.clock)
        self.tokenless = Tokenless(self.core, self.logins)
        self.websso = WebSso(config, self.keys, kit.clock, kit.ids)

    async def start(self) -> None:
        """Raises OSError when the folder of keys cannot be used, TreeTooDeep when limits cannot be counted."""
        for keys in (*self.token_keys, self.credential_keys):
            keys.open()
        await self.core.generations.start()
        await self.limits.check_model()

    async def stop(self) -> None:
        self.passwords.close()
        self.directories.close()

    @property
    def token_keys(self) -> list[Keys | SigningKeys]:
        """The keys that rotate by themselves."""
        return [self.keys, *([self.signing_keys] if self.signing_keys is not None else [])]

    def _signing_keys(self, state: Path | None) -> SigningKeys | None:
        config = self.core.config
        if config.token_provider != "jws":
            return None
        from pileus.identity.signing_keys import SigningKeys  # elliptic curves take a while to load

        return SigningKeys(_folder(config.jws_key_repository, state, "jws-keys"), config, self.core.clock, self.core.ids)

    def _saml_key(self, state: Path | None) -> SamlKey:
        configured = self.core.config.saml_idp_key
        path = Path(configured) if configured else state / "identity" / NAME if state is not None else None
        return SamlKey(path, self.core.clock, self.core.ids)

    # ---- who asks ----------------------------------------------------------------------------------------------------
    async def authenticate(self, token: str, service_token: str | None = None, *, request_id: str = "") -> Context:
        """Who holds these tokens. Raises Unauthenticated. A service may go on with a user's token that has expired meanwhile.

        A token that is bound to a certificate is worth nothing here: only `authenticate_request` sees certificates.
        """
        context = await self._holder(token, service_token, request_id)
        if context.certificate is not None:
            raise Unauthenticated()
        return context

    async def _holder(self, token: str, service_token: str | None, request_id: str) -> Context:
        if service_token:
            service = (await self.tokens.verify(service_token)).context
            verify = self.tokens.verify_late if SERVICE_ROLE in service.roles else self.tokens.verify
            context = (await verify(token)).context
            return msgspec.structs.replace(context, request_id=request_id, service_roles=service.roles)
        context = (await self.tokens.verify(token)).context
        return msgspec.structs.replace(context, request_id=request_id) if request_id else context

    async def authenticate_request(self, req: Any) -> Context:
        """Who sends a request (`core.http.Request`): what its tokens prove, whatever other headers say."""
        token = req.header("x-auth-token") or bearer(req.header("authorization"))
        if not token:
            return await self._certified(req)
        who = await self._holder(token, req.header("x-service-token"), req.id)
        if who.certificate is not None:
            certificate = self.assertions.certificate(req.falcon.remote_addr, req.headers)
            if certificate is None or certificate.thumbprint != who.certificate:
                raise Unauthenticated()
        if who.app_cred_id is not None:
            await self.admit(who, req.api.name, req.api.root, req.method, req.path)
        return who

    async def _certified(self, req: Any) -> Context:
        """Who shows a certificate instead of a token, which is enough for identity itself. Raises Unauthenticated."""
        certificate = self.assertions.certificate(req.falcon.remote_addr, req.headers)
        if certificate is None or req.api.name != "identity":
            raise Unauthenticated()
        return msgspec.structs.replace((await self.tokenless.holder(certificate, req.headers)).context, request_id=req.id)

    async def admit(self, who: Context, service: str, root: str, method: str, path: str) -> None:
        """Raise NotByAccessRules for a request that the token's application credential is not for.

        `service` is its official type, `root` where it is mounted. For whoever does not come by `authenticate_request`.
        What a service asks of another on a user's behalf is not looked at: the user's own request was.
        """
        if who.app_cred_id is None or SERVICE_ROLE in who.service_roles:
            return
        gate = (await self.tokens.verify(who.token)).meaning.gate
        if gate is not None and not gate.allows(service, root, method, path):
            raise NotByAccessRules()

    # ---- what there is -----------------------------------------------------------------------------------------------
    async def catalog(self, project_id: str | None = None, user_id: str | None = None) -> Any:
        """The service catalog, ready to be encoded as JSON."""
        return await self.services.shown(project_id=project_id, user_id=user_id)

    # ---- making it ---------------------------------------------------------------------------------------------------
    async def bootstrap(
        self, *, admin_password: str, region: str = "RegionOne", services: Any = (), generated: bool = False
    ) -> None:
        """Make what every cloud needs, as far as it is missing; see `service/bootstrap.py`."""
        await bootstrap(self, admin_password=admin_password, region=region, services=services, generated=generated)

    async def create_project(self, name: str, *, domain_id: str = DEFAULT_DOMAIN, **more: Any) -> Project:
        return await self.projects.create(NewProject(name=name, **more), domain_id=domain_id)

    async def create_user(self, name: str, password: str | None = None, *, domain_id: str = DEFAULT_DOMAIN, **more: Any) -> User:
        given = NewPassword(text=password) if password is not None else None
        return await self.users.create(name=name, password=given, domain_id=domain_id, **more)

    async def assign_role(self, role: str, *, user_id: str, project_id: str | None = None, domain_id: str | None = None) -> None:
        """Give a global role, by name, to a user on a project, a domain or (neither) the system. Repeatable."""
        found = await self.roles.find_named(role)
        if found is None:
            raise RoleNotFound(id=role)
        kind, target = ("project", project_id) if project_id else ("domain", domain_id) if domain_id else ("system", "system")
        await self.assignments.assign(
            Assignment(
                actor_type="user",
                actor_id=user_id,
                target_type=kind,
                target_id=target or "",
                role_id=found.id,
            )
        )

    async def ensure_project(self, name: str, *, domain_id: str = DEFAULT_DOMAIN, description: str = "") -> Project:
        found = await self.projects.find_named(name, domain_id)
        return found or await self.create_project(name, domain_id=domain_id, description=description)

    async def ensure_user(
        self,
        name: str,
        password: str,
        *,
        project_id: str | None = None,
        role: str = "member",
        domain_id: str = DEFAULT_DOMAIN,
        generated: bool = False,
    ) -> User:
        """A user with this password, and a role on a project. `generated`: a machine made the password, of 96 bits or more."""
        user, given = await self.users.find_named(name, domain_id), NewPassword(text=password, generated=generated, by_operator=True)
        if user is None:
            user = await self.users.create(name=name, password=given, domain_id=domain_id)
        else:
            await self.users.ensure_password(user, given)
        if project_id is not None:
            await self.assign_role(role, user_id=user.id, project_id=project_id)
        return user


def bearer(authorization: str | None) -> str | None:
    """The token of an OAuth 2.0 client's header."""
    kind, _, token = (authorization or "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _folder(configured: str, state: Path | None, name: str) -> Path | None:
    """Where keys are kept: as configured, or else in the state folder; None (in memory) when there is neither."""
    if configured:
        return Path(configured)
    return state / "identity" / name if state is not None else None
