"""`pileus token show`: what a token says."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pileus.cli.keys import opened, token_folders
from pileus.cli.options import STATE, State, configuration

if TYPE_CHECKING:
    from pileus.identity.payload import Payload


def show(token: str, *, state: State = STATE) -> int:
    """What a token says: whose it is, what for, how it was had, until when. That it was not revoked is for the cloud to say.

    Parameters
    ----------
    token
        The token, as in X-Auth-Token.
    """
    from pileus.identity.formats import Formats, form

    config = configuration(state)
    there = all(folder.is_dir() for folder in token_folders(config, state))
    payload = Formats(*opened(config, state)).read(token) if there else None
    if payload is None:
        print("No key of this cloud proves it: it was made elsewhere or long ago, or was changed.", file=sys.stderr)
        return 1
    print("\n".join([f"written     {form(token)}", *explain(payload)]))
    return 0


def explain(p: Payload) -> list[str]:
    from pileus.core.clock import Clock, iso
    from pileus.identity.payload import DOMAIN, PROJECT, SYSTEM

    scope = {PROJECT: f"project {p.target_id}", DOMAIN: f"domain {p.target_id}", SYSTEM: "the system"}.get(p.scope, "nothing (unscoped)")
    over = " (expired)" if p.expires_at <= Clock().now() else ""
    lines = [
        f"user        {p.user_id}",
        f"scope       {scope}",
        f"proven by   {', '.join(p.shown_methods)}",
        f"issued at   {iso(p.issued_at)}",
        f"expires at  {iso(p.expires_at)}{over}",
        f"audit id    {p.audit_ids[0]}",
    ]
    lines += [f"made from   the token with audit id {before}" for before in p.audit_ids[1:]]
    lines += [f"by trust    {p.trust_id}"] if p.trust_id else []
    lines += [f"by          application credential {p.app_cred_id}"] if p.app_cred_id else []
    return lines
