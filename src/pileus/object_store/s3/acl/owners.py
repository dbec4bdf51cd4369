"""Owners, where buckets and objects belong to users and not to projects (`s3_acl`): who made something owns it, and nobody else reaches
it by S3, others of the same project included, unless a list or a policy lets him.

A bucket that was made otherwise has no owner: it is its project's. So is an object: it is its bucket's. The store's own API knows
nothing of such owners; who has a role in the project may do there what he always could.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pileus.object_store.proxy.info import Info
from pileus.object_store.s3 import kept, metadata, views
from pileus.object_store.s3.call import Call
from pileus.object_store.s3.policy import enforce as policy

NAME, HEADER = "owner", metadata.KEPT + "owner"


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """`id`: PROJECT:USER, as grantees are named; `name`: as documents show it."""

    id: str
    name: str


def of_caller(call: Call) -> Owner | None:
    """Nobody, for who has no key."""
    who = call.who
    if not who.user_id:
        return None
    name = f"{who.project_name}:{who.user_name}"
    return Owner(id=name if ":" in who.user_id else f"{who.project_id}:{who.user_id}", name=name)


def of_bucket(info: Info) -> Owner | None:
    document = kept.read(info, NAME)
    return msgspec.json.decode(document, type=Owner) if document is not None else None


def of_object(headers: Mapping[str, str]) -> Owner | None:
    text = headers.get(HEADER)
    return msgspec.json.decode(text, type=Owner) if text else None


def of_new_bucket(call: Call) -> dict[str, str]:
    """Headers of a container that is being made."""
    owner = of_caller(call) if call.s3.s3_acl else None
    return kept.headers(NAME, msgspec.json.encode(owner)) if owner is not None else {}


def of_new_object(call: Call) -> dict[str, str]:
    """Headers of an object that is being made, or made anew of another."""
    if not call.s3.s3_acl:
        return {}
    owner = of_caller(call)
    return {HEADER: msgspec.json.encode(owner).decode() if owner is not None else ""}


def owns_bucket(call: Call, info: Info) -> bool:
    owner = of_bucket(info)
    return policy.is_owner(call) if owner is None else owner == of_caller(call)


def owns_object(call: Call, info: Info, headers: Mapping[str, str]) -> bool:
    owner = of_object(headers)
    return owns_bucket(call, info) if owner is None else owner == of_caller(call)


def shown(call: Call, *owners: Owner | None) -> str:
    """The name of the first that there is; where there is none, as everywhere else."""
    known = next((owner for owner in owners if owner is not None), None) if call.s3.s3_acl else None
    return views.id_of(call) if known is None else known.name
