"""Options of identity."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


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


class IdentityConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[identity]"""

    # How long a token is valid. Rescoping a token does not start anew.
    token_expiration_s: Annotated[int, Meta(ge=1)] = 3600
    # Verified tokens remembered in this process; the oldest is forgotten first.
    token_cache: Annotated[int, Meta(ge=0)] = 10_000
    # How long a change made by another copy of the control plane may go unnoticed here.
    staleness_s: Annotated[float, Meta(ge=0)] = 1.0
    # Folder of the keys that tokens are made with; every copy of the control plane needs the same one.
    # Empty: a folder of the state folder.
    key_repository: str = ""
    # Folder of the keys that credentials are encrypted with, shared like the other and never rotated by itself: who loses it
    # loses the credentials. Empty: a folder of the state folder.
    credential_key_repository: str = ""
    # The primary key is replaced when it is this old (0: only by hand).
    key_rotation_s: Annotated[int, Meta(ge=0)] = 7 * 86400
    # Keys kept: a primary, a staged one, and former primaries. A former one must outlive the tokens made with it.
    max_active_keys: Annotated[int, Meta(ge=3)] = 4
    # Cost of bcrypt: each step doubles the work of a login, and of a guess.
    bcrypt_cost: Annotated[int, Meta(ge=4, le=18)] = 12
    # Threads that hash passwords; 0 hashes in the event loop, which is only good for tests in virtual time.
    hash_threads: Annotated[int, Meta(ge=0)] = 2
    # Logins that may wait for a hashing thread; more are refused with 503.
    hash_queue: Annotated[int, Meta(ge=1)] = 500
    # Verified logins remembered in this process, so that a repeated one skips bcrypt (0: none).
    password_cache: Annotated[int, Meta(ge=0)] = 10_000
    # Longest password taken. A longer one is refused, never cut.
    password_max_length: Annotated[int, Meta(ge=72)] = 4096
    # How many levels of projects a domain may hold.
    max_project_depth: Annotated[int, Meta(ge=1)] = 5
    # How limits of projects and domains are checked against each other: not at all (flat), or so that no project has more
    # than its domain (strict_two_level; there are no projects below projects then).
    limit_enforcement_model: Literal["flat", "strict_two_level"] = "flat"
    # Most entries of a list in one answer, when the request does not say how many (0: all); the rest is behind a marker.
    list_limit: Annotated[int, Meta(ge=0)] = 0
    # Most entries of a list in one answer, whatever the request says.
    max_list_limit: Annotated[int, Meta(ge=1)] = 1000
    # Identity providers that speak OpenID Connect, by their id here: issuer, client_id, client_secret, audience, scopes, algorithms.
    oidc: dict[str, OidcProvider] = {}
    # Addresses (CIDR) of web servers in front that have identified people (SAML) and say so in headers. Empty: nobody is believed.
    trusted_proxies: tuple[str, ...] = ()
    # The attribute in which they name the identity provider, unless the protocol has its own: MELLON_IDP, Shib-Identity-Provider.
    remote_id_attribute: str = ""
    # Pages that may be handed a token after a login in the browser, whole: https://host/dashboard/auth/websso/.
    trusted_dashboards: tuple[str, ...] = ()
