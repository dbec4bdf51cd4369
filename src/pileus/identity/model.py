"""Records of identity, as they are stored. Pure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

DEFAULT_DOMAIN = "default"
#: Names of the roles every cloud has, each implying the next.
DEFAULT_ROLES = ("admin", "manager", "member", "reader")
SERVICE_ROLE = "service"

INTERFACES = ("public", "internal", "admin")


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What has an id."""

    id: str


class Project(Record, frozen=True, kw_only=True):
    """A project, or a domain (`is_domain`; then `domain_id` is empty and there is no parent)."""

    name: str
    domain_id: str = ""
    parent_id: str | None = None
    is_domain: bool = False
    enabled: bool = True
    description: str | None = ""
    tags: tuple[str, ...] = ()
    options: dict[str, Any] = {}
    extra: dict[str, Any] = {}

    @property
    def immutable(self) -> bool:
        return bool(self.options.get("immutable"))


class NewProject(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a project, or a domain, that is to be created. Only domains may bring their id."""

    id: str | None = None
    name: str
    enabled: bool = True
    description: str | None = ""
    tags: tuple[str, ...] = ()
    options: dict[str, Any] = {}
    extra: dict[str, Any] = {}


class User(Record, frozen=True, kw_only=True):
    name: str
    domain_id: str
    enabled: bool = True
    default_project_id: str | None = None
    password_expires_at: datetime | None = None
    options: dict[str, Any] = {}
    extra: dict[str, Any] = {}


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Failed logins of a user since the last that worked, and the day of that one."""

    user_id: str
    failed: int = 0
    failed_at: datetime | None = None
    active_at: datetime | None = None


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """A user's password, hashed."""

    user_id: str
    hash: str
    created_at: datetime


class NewPassword(msgspec.Struct, frozen=True, kw_only=True):
    """A password to be given to a user.

    `generated`: a machine made it, of 96 bits or more, so hashing it may be cheap. `by_operator`: it is part of the cloud's
    configuration, and rules for passwords are not for it. `by_user`: they chose it themselves.
    """

    text: str
    generated: bool = False
    by_operator: bool = False
    by_user: bool = False


class Group(Record, frozen=True, kw_only=True):
    name: str
    domain_id: str
    description: str | None = ""
    extra: dict[str, Any] = {}


class Role(Record, frozen=True, kw_only=True):
    """A role; with a `domain_id` it is only good for implying others."""

    name: str
    domain_id: str = ""
    description: str | None = None
    options: dict[str, Any] = {}
    extra: dict[str, Any] = {}

    @property
    def immutable(self) -> bool:
        return bool(self.options.get("immutable"))


class Assignment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A role given to a user or group on a project, a domain or the system (`target_id` is then "system").

    An inherited one holds on the projects below its target and not on the target itself.
    """

    actor_type: str  # user, group
    actor_id: str
    target_type: str  # project, domain, system
    target_id: str
    role_id: str
    inherited: bool = False


class DomainConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a domain has configured for itself: group → option → value. `sealed`: the secret ones in the same form, encrypted."""

    domain_id: str
    options: dict[str, dict[str, Any]]
    sealed: str = ""


class Service(Record, frozen=True, kw_only=True):
    type: str
    name: str = ""
    enabled: bool = True
    extra: dict[str, Any] = {}


class Endpoint(Record, frozen=True, kw_only=True):
    service_id: str
    interface: str  # one of INTERFACES
    url: str
    region_id: str | None = None
    enabled: bool = True
    extra: dict[str, Any] = {}


class Region(Record, frozen=True, kw_only=True):
    description: str | None = ""
    parent_region_id: str | None = None
    extra: dict[str, Any] = {}


class EndpointGroup(Record, frozen=True, kw_only=True):
    """Endpoints that have all these in common (of service_id, region_id, interface), to be given to projects together."""

    name: str
    description: str | None = None
    filters: dict[str, str] = {}

    def takes(self, endpoint: Endpoint) -> bool:
        return all(getattr(endpoint, column) == value for column, value in self.filters.items())


class RegisteredLimit(Record, frozen=True, kw_only=True):
    """How much of a resource of a service everybody may have, unless a `Limit` says otherwise. -1: any amount."""

    service_id: str
    region_id: str | None = None
    region_key: str = ""
    resource_name: str
    default_limit: int
    description: str | None = None


class Limit(Record, frozen=True, kw_only=True):
    """How much of a registered limit's resource a project or a domain may have."""

    registered_limit_id: str
    target_id: str
    of_domain: bool
    resource_limit: int
    description: str | None = None


class PolicyBlob(Record, frozen=True, kw_only=True):
    """A policy file kept here for other services to fetch. Nothing in this cloud reads it."""

    type: str
    blob: str
    extra: dict[str, Any] = {}


class PolicyAssociation(msgspec.Struct, frozen=True, kw_only=True):
    """Of what a policy file is the one: of an endpoint, of a service, or of a service in a region."""

    policy_id: str
    endpoint_id: str = ""
    service_id: str = ""
    region_id: str = ""


class Consumer(Record, frozen=True, kw_only=True):
    """An application registered for OAuth 1.0a. `sealed` is its secret, encrypted."""

    description: str | None = None
    sealed: str
    extra: dict[str, Any] = {}


class RequestToken(Record, frozen=True, kw_only=True):
    """By which a consumer asks users for access to a project. Once a user has authorized it, it can become an access token."""

    consumer_id: str
    project_id: str
    sealed: str
    expires_at: datetime | None = None
    user_id: str | None = None
    roles: tuple[str, ...] = ()
    verifier: str | None = None


class AccessToken(Record, frozen=True, kw_only=True):
    """By which a consumer acts for a user on a project, with these of the user's roles. `sealed` is its secret, encrypted."""

    consumer_id: str
    project_id: str
    user_id: str
    sealed: str
    roles: tuple[str, ...]
    expires_at: datetime | None = None


class Credential(Record, frozen=True, kw_only=True):
    """A secret a user keeps here, such as a pair of EC2 keys. `sealed` is its blob, encrypted.

    `used_step`: the half minute of the last one-time password that was taken.
    """

    user_id: str
    type: str
    sealed: str
    used_step: int | None = None
    project_id: str | None = None
    extra: dict[str, Any] = {}


class Revocation(msgspec.Struct, frozen=True, kw_only=True):
    """What was issued to `key` (`user:ID`, `token:ID`, …) before the generation is void; by the end nothing of it is left."""

    key: str
    generation: int
    revoked_at: datetime
    expires_at: datetime


class Trust(Record, frozen=True, kw_only=True):
    """The trustee may act on a project with these of the trustor's roles: as the trustor (`impersonation`) or as themselves.

    Nothing of it changes but `remaining_uses` (None: as often as they like). The trustee may hand it on
    `redelegation_count` times over; `redelegated_trust_id` is the trust that this one was handed on from.
    """

    trustor_user_id: str
    trustee_user_id: str
    project_id: str
    roles: tuple[str, ...]
    impersonation: bool
    expires_at: datetime | None = None
    remaining_uses: int | None = None
    redelegation_count: int = 0
    redelegated_trust_id: str | None = None

    def is_over(self, now: datetime) -> bool:
        """Whether nobody can log in with it any more."""
        return self.remaining_uses == 0 or (self.expires_at is not None and self.expires_at <= now)


class AccessRule(Record, frozen=True, kw_only=True):
    """A kind of request: see `access_rules`. A user's rules stay when the application credential they came with is gone."""

    user_id: str
    service: str
    method: str
    path: str


class ApplicationCredential(Record, frozen=True, kw_only=True):
    """A secret by which programs act as a user on one project, with these roles and no others.

    `access_rules` are ids (None: any request). An `unrestricted` one may make more of its kind, and trusts.
    """

    user_id: str
    project_id: str
    name: str
    hash: str
    roles: tuple[str, ...]
    description: str | None = None
    expires_at: datetime | None = None
    unrestricted: bool = False
    access_rules: tuple[str, ...] | None = None


class DomainRef(msgspec.Struct, frozen=True):
    """A domain by id or by name."""

    id: str | None = None
    name: str | None = None


class ProjectRef(msgspec.Struct, frozen=True):
    """A project by id, or by name and domain."""

    id: str | None = None
    name: str | None = None
    domain: DomainRef | None = None


class UserRef(msgspec.Struct, frozen=True):
    id: str | None = None
    name: str | None = None
    domain: DomainRef | None = None


class SystemRef(msgspec.Struct, frozen=True):
    all: bool


class TrustRef(msgspec.Struct, frozen=True):
    id: str


class Scope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a login is to be good for: exactly one of these."""

    project: ProjectRef | None = None
    domain: DomainRef | None = None
    system: SystemRef | None = None
    trust: TrustRef | None = msgspec.field(name="OS-TRUST:trust", default=None)


class PasswordUser(UserRef, frozen=True, kw_only=True):
    password: str


class TotpUser(UserRef, frozen=True, kw_only=True):
    """`passcode`: a one-time password."""

    passcode: str


class ApplicationCredentialRef(msgspec.Struct, frozen=True, kw_only=True):
    """By id, or by name and user. With an id the user is taken no notice of: whose it is, is stored (CVE-2026-42998)."""

    id: str | None = None
    name: str | None = None
    user: UserRef | None = None
    secret: str


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """The proofs of who somebody is (`receipt`: those brought before), and what for.

    `scope` None: the user's default project, if that works.

    `source` is the address the login came from. `remote`: how, and as whom, a web server in front that is believed knows them.
    """

    password: PasswordUser | None = None
    token: str | None = None
    totp: TotpUser | None = None
    receipt: str | None = None
    application_credential: ApplicationCredentialRef | None = None
    remote: tuple[str, UserRef] | None = None
    scope: Scope | Literal["unscoped"] | None = None
    source: str = ""
