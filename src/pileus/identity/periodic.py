"""Periodic work of identity."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.periodic import Periodic
from pileus.identity.service import Identity


async def purge_revocations(identity: Identity) -> str | None:
    """Forget tokens that have expired, and what could only concern such."""
    identity.tokens.forget_expired()
    gone = await identity.core.store.revocations.purge(identity.core.clock.now())
    return f"{gone} revocations forgotten" if gone else None


async def rotate_keys(identity: Identity) -> str | None:
    """Take up keys that others made; make new ones for tokens when the primary has done its time."""
    identity.credential_keys.reload()
    rotated, after_s = False, identity.core.config.key_rotation_s
    for keys in identity.token_keys:
        if after_s and keys.folder.age_s() >= after_s:
            keys.rotate()
            rotated = True
        else:
            keys.reload()
    return "keys rotated" if rotated else None


async def remove_orphaned_application_credentials(identity: Identity) -> str | None:
    """They have been void since their user lost one of their roles; a role that comes back must not bring them back."""
    gone = await identity.application_credentials.remove_orphans()
    return f"{gone} application credentials removed" if gone else None


async def end_federated_memberships(identity: Identity) -> str | None:
    """Take federated users out of groups when nobody has confirmed for long enough that they are in them."""
    gone = await identity.federated_logins.end_memberships()
    return f"{gone} memberships ended" if gone else None


async def ask_directories(identity: Identity) -> str | None:
    """Take over what has changed in the directories of domains."""
    return await identity.directories.refresh_all()


async def disable_inactive_users(identity: Identity) -> str | None:
    """Who has not logged in for too long cannot any more; shown as such, and their tokens end."""
    if not identity.compliance.inactive_after:
        return None
    gone = await identity.users.disable_inactive()
    return f"{gone} users disabled" if gone else None


async def remove_expired_trusts(identity: Identity) -> str | None:
    """They have been void since."""
    gone = await identity.trusts.remove_expired()
    return f"{gone} trusts removed" if gone else None


async def remove_expired_oauth1(identity: Identity) -> str | None:
    """Tokens and nonces of OAuth 1.0a that are worth nothing any more."""
    gone = await identity.oauth1.remove_expired()
    return f"{gone} removed" if gone else None


PERIODIC = [
    Periodic(remove_expired_oauth1, every_s=900),
    Periodic(remove_expired_trusts, every_s=900),
    Periodic(disable_inactive_users, every_s=3600),
    Periodic(ask_directories, every_s=300),
    Periodic(end_federated_memberships, every_s=60),
    Periodic(remove_orphaned_application_credentials, every_s=300),
    Periodic(purge_revocations, every_s=900),
    Periodic(rotate_keys, every_s=300),
]
