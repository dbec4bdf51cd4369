"""Options of identity."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pileus.identity.hashes import Algorithm


class OidcProvider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[identity.oidc.IDENTITY-PROVIDER]: how to speak OpenID Connect with an identity provider."""

    # Its address; what it says about itself is found below it.
    issuer: str
    # What it calls us.
    client_id: str
    # What we prove to be ourselves with when we exchange a code; empty: a public client.
    client_secret: str = ""
    # Whom access tokens must be for; empty: for the client.
    audience: str = ""
    scopes: str = "openid email profile"
    # Signatures that are taken. Never put a symmetric one or "none" here.
    algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA")
    # Whether it is asked about access tokens that say nothing themselves (RFC 7662). Needs a client_secret.
    introspect: bool = False


class IdentityConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[identity]"""

    # How long a token is valid. Rescoping a token does not start anew.
    token_expiration_s: Annotated[int, Meta(ge=1)] = 3600
    # So long after its end a token is still believed of who asks for that (?allow_expired=1), and of services (role service,
    # X-Service-Token) that finish what was begun with it.
    allow_expired_window_s: Annotated[int, Meta(ge=0)] = 48 * 3600
    # Verified tokens remembered in this process; the oldest is forgotten first.
    token_cache: Annotated[int, Meta(ge=0)] = 10_000
    # How long a change made by another copy of the control plane may go unnoticed here.
    staleness_s: Annotated[float, Meta(ge=0)] = 1.0
    # How tokens are written: sealed (fernet), or signed so that others can read and check them (jws, ES256). Sealed ones stay
    # good in any case.
    token_provider: Literal["fernet", "jws"] = "fernet"
    # Folder of the keys that tokens are sealed with; every copy of the control plane needs the same one.
    # Empty: a folder of the state folder.
    key_repository: str = ""
    # Folder of the private keys that tokens are signed with, shared likewise. Empty: a folder of the state folder.
    jws_key_repository: str = ""
    # Folder of the keys that credentials are encrypted with, shared like the other and rotated by hand only (`pileus identity
    # rotate-credential-keys`): who loses it loses the credentials. Empty: a folder of the state folder.
    credential_key_repository: str = ""
    # The primary key is replaced when it is this old (0: only by hand).
    key_rotation_s: Annotated[int, Meta(ge=0)] = 7 * 86400
    # Keys kept: a primary, a staged one, and former primaries. A former one must outlive the tokens made with it.
    max_active_keys: Annotated[int, Meta(ge=3)] = 4
    # How new passwords are hashed. Those that were hashed otherwise stay good.
    password_hash_algorithm: Algorithm = "bcrypt"
    # Cost of bcrypt and bcrypt_sha256: each step doubles the work of a login, and of a guess.
    bcrypt_cost: Annotated[int, Meta(ge=4, le=18)] = 12
    # Cost of scrypt, like that of bcrypt; one login takes 2^cost KiB of memory (16: 64 MiB).
    scrypt_cost: Annotated[int, Meta(ge=4, le=18)] = 16
    # Rounds of pbkdf2_sha512.
    pbkdf2_rounds: Annotated[int, Meta(ge=1000, le=9_999_999)] = 210_000
    # Threads that hash passwords, never more than all processors but one; 0 hashes in the event loop, which is only good for
    # tests in virtual time.
    hash_threads: Annotated[int, Meta(ge=0)] = 2
    # Logins that may wait for a hashing thread; more are refused with 503.
    hash_queue: Annotated[int, Meta(ge=1)] = 500
    # Verified logins remembered in this process, so that a repeated one skips bcrypt (0: none).
    password_cache: Annotated[int, Meta(ge=0)] = 10_000
    # Longest password taken. A longer one is refused, never cut.
    password_max_length: Annotated[int, Meta(ge=72)] = 4096
    # Failed logins of one account from one address that are answered in a minute (and 20 times as many of one address); more
    # are refused with 429 for a while. 0: any number.
    failed_logins_per_minute: Annotated[int, Meta(ge=0)] = 20
    # Addresses (CIDR) of load balancers that are believed when they say in X-Forwarded-For where a login comes from. Empty: none;
    # then all who come through one are slowed down together.
    forwarding_proxies: tuple[str, ...] = ()
    # How long a user with several factors has for bringing the others.
    receipt_expiration_s: Annotated[int, Meta(ge=1)] = 300
    # So many former half minutes' one-time passwords are taken beside the present one.
    totp_included_previous_windows: Annotated[int, Meta(ge=0, le=10)] = 1
    # Failed logins after which an account is locked (0: never) ...
    lockout_failure_attempts: Annotated[int, Meta(ge=0)] = 0
    # ... and for how long (0: until an administrator enables the user or sets a password).
    lockout_duration_s: Annotated[int, Meta(ge=0)] = 1800
    # How long a password is good for (0: for ever).
    password_expires_days: Annotated[int, Meta(ge=0)] = 0
    # A regular expression that passwords must match (empty: any will do).
    password_regex: str = ""
    # What users are told about it.
    password_regex_description: str = ""
    # So many of a user's last passwords, the present one included, they may not choose again (0: they may).
    unique_last_password_count: Annotated[int, Meta(ge=0, le=100)] = 0
    # Days before users may change a password they have just changed.
    minimum_password_age_days: Annotated[int, Meta(ge=0)] = 0
    # A password that an administrator has set is only good for changing it.
    change_password_upon_first_use: bool = False
    # Users who have not logged in for so many days are disabled (0: they are not).
    disable_user_account_days_inactive: Annotated[int, Meta(ge=0)] = 0
    # How long an application (OAuth 1.0a) may wait for a user's consent (0: for ever).
    oauth1_request_token_duration_s: Annotated[int, Meta(ge=0)] = 28_800
    # How long the consent is good for (0: for ever).
    oauth1_access_token_duration_s: Annotated[int, Meta(ge=0)] = 86_400
    # The mapping that says which user a client's certificate is of, for OAuth 2.0 with certificates.
    oauth2_cert_dn_mapping_id: str = "oauth2_mapping"
    # Who this cloud is to others that believe its SAML assertions (an address of its own). Empty: it makes none.
    saml_idp_entity_id: str = ""
    # File with the RSA key that assertions are signed with and its certificate (PEM). Empty: one is made in the state folder.
    saml_idp_key: str = ""
    # How long an assertion is good for; never longer than the token it is made for.
    saml_assertion_expiration_s: Annotated[int, Meta(ge=1)] = 3600
    # Where audit events (CADF: logins, and every change) go: nowhere, or into the log (pileus.identity.notification).
    notifications: Literal["none", "log"] = "none"
    # Events that are not told of, such as identity.user.created or identity.authenticate.failure.
    notification_opt_out: tuple[str, ...] = ()
    # How often a trust may be handed on by those who were trusted (0: never).
    max_redelegation_count: Annotated[int, Meta(ge=0, le=10)] = 3
    # How many levels of projects a domain may hold.
    max_project_depth: Annotated[int, Meta(ge=1)] = 5
    # How limits of projects and domains are checked against each other: not at all (flat), or so that no project has more
    # than its domain (strict_two_level; there are no projects below projects then).
    limit_enforcement_model: Literal["flat", "strict_two_level"] = "flat"
    # Most entries of a list in one answer, when the request does not say how many (0: all); the rest is behind a marker.
    list_limit: Annotated[int, Meta(ge=0)] = 0
    # Most entries of a list in one answer, whatever the request says.
    max_list_limit: Annotated[int, Meta(ge=1)] = 1000
    # Identity providers that speak OpenID Connect, by their id here: issuer, client_id, client_secret, audience, scopes,
    # algorithms, introspect.
    oidc: dict[str, OidcProvider] = {}
    # Addresses (CIDR) of web servers in front that have identified people (SAML) and say so in headers. Empty: nobody is believed.
    trusted_proxies: tuple[str, ...] = ()
    # The header in which they name somebody they have identified by themselves. They must let none of this name through from
    # outside. Empty: nobody logs in that way.
    remote_user_header: str = ""
    # The header with the name of that user's domain, kept from outside likewise. Empty: they are of the default domain.
    remote_domain_header: str = ""
    # What their word counts as.
    remote_user_method: Literal["external", "kerberos"] = "external"
    # The header in which they hand on a client's certificate (PEM) that they have checked, kept from outside likewise.
    # Empty: there are none.
    client_certificate_header: str = ""
    # Names (RFC 4514, as in CN=Our CA,O=Ours) of those whose certificates stand for a token in requests to identity: who such a
    # certificate is of, is said by the identity provider whose id is the SHA-256 of the name. Empty: nobody's do.
    tokenless_trusted_issuers: tuple[str, ...] = ()
    # The attribute in which they name the identity provider, unless the protocol has its own: MELLON_IDP, Shib-Identity-Provider.
    remote_id_attribute: str = ""
    # Pages that may be handed a token after a login in the browser, whole: https://host/dashboard/auth/websso/.
    trusted_dashboards: tuple[str, ...] = ()
