"""Key pairs."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pileus.compute.api.fields import moment
from pileus.compute.api.query import Parameters, next_links, page_of
from pileus.compute.model.keypair import Keypair
from pileus.core.http import Request, Route, since

OLD_NAME = r"^(?! )[_\- a-zA-Z0-9]+(?<! )\Z"
NAME = r"^(?! )[_\-@. a-zA-Z0-9]+(?<! )\Z"
Type = Annotated[Literal["ssh", "x509"], since(2, 2)]


class KeypairNew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=255, pattern=NAME)]
    public_key: str
    type: Type = "ssh"
    user_id: str = ""


class KeypairCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keypair: KeypairNew


class KeypairOrdered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Before 2.92: without a public key, a pair is made."""

    name: Annotated[str, Meta(min_length=1, max_length=255, pattern=OLD_NAME)]
    public_key: str | UnsetType = UNSET
    type: Type = "ssh"
    user_id: Annotated[str, since(2, 10)] = ""


class KeypairOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keypair: KeypairOrdered


LIST = Parameters({"user_id": since(2, 10), "limit": since(2, 35), "marker": since(2, 35)})
ONE = Parameters({"user_id": since(2, 10)})


async def list_keypairs(req: Request) -> dict[str, Any]:
    asked = LIST.read(req)
    found = await req.services.compute.keypairs.list(asked.get("user_id") or req.who.user_id)
    page, marker = page_of(asked, found, lambda keypair: keypair.name)
    links = next_links(req, asked, marker)
    return {"keypairs": [{"keypair": _basic(keypair)} for keypair in page]} | ({"keypairs_links": links} if links else {})


async def show_keypair(req: Request, keypair_name: str) -> dict[str, Any]:
    found = await req.services.compute.keypairs.get(ONE.read(req).get("user_id") or req.who.user_id, keypair_name)
    return {
        "keypair": _basic(found)
        | {
            "user_id": found.user_id,
            "id": found.number,
            "created_at": moment(found.created_at),
            "updated_at": None,
            "deleted": False,
            "deleted_at": None,
        }
    }


async def create_keypair(req: Request, body: KeypairCreate) -> dict[str, Any]:
    asked = body.keypair
    return _made(
        await req.services.compute.keypairs.add(
            _owner(req, asked.user_id), asked.name, asked.type, asked.public_key, project_id=req.who.project_id
        )
    )


async def create_or_generate_keypair(req: Request, body: KeypairOrder) -> dict[str, Any]:
    asked, owner = body.keypair, _owner(req, body.keypair.user_id)
    if asked.public_key is not UNSET:
        return _made(
            await req.services.compute.keypairs.add(owner, asked.name, asked.type, asked.public_key, project_id=req.who.project_id)
        )
    made, private_key = await req.services.compute.keypairs.generate(owner, asked.name, asked.type, project_id=req.who.project_id)
    return _made(made, private_key=private_key)


async def delete_keypair(req: Request, keypair_name: str) -> None:
    await req.services.compute.keypairs.delete(ONE.read(req).get("user_id") or req.who.user_id, keypair_name)


async def _whose(req: Request, **_: str) -> dict[str, Any]:
    """The rule is about the user that is asked for."""
    return {"user_id": LIST.read(req).get("user_id") or req.who.user_id, "project_id": req.who.project_id}


ALL, NAMED = "/v2.1/os-keypairs", "/v2.1/os-keypairs/{keypair_name}"
ROUTES = [
    Route("GET", ALL, list_keypairs, policy="os_compute_api:os-keypairs:index", target=_whose),
    Route("GET", NAMED, show_keypair, policy="os_compute_api:os-keypairs:show", target=_whose),
    Route("POST", ALL, create_keypair, policy="os_compute_api:os-keypairs:create", body=KeypairCreate, ok=201, since=(2, 92)),
    Route(
        "POST",
        ALL,
        create_or_generate_keypair,
        policy="os_compute_api:os-keypairs:create",
        body=KeypairOrder,
        ok=201,
        since=(2, 2),
        until=(2, 91),
    ),
    Route("POST", ALL, create_or_generate_keypair, policy="os_compute_api:os-keypairs:create", body=KeypairOrder, until=(2, 1)),
    Route("DELETE", NAMED, delete_keypair, policy="os_compute_api:os-keypairs:delete", ok=204, target=_whose, since=(2, 2)),
    Route("DELETE", NAMED, delete_keypair, policy="os_compute_api:os-keypairs:delete", ok=202, target=_whose, until=(2, 1)),
]


def _owner(req: Request, user_id: str) -> str:
    """Whose the new key pair is. Raises PolicyForbids when the caller may not make one for that user."""
    owner = user_id or req.who.user_id or ""
    req.enforce("os_compute_api:os-keypairs:create", {"user_id": owner, "project_id": req.who.project_id})
    return owner


def _basic(keypair: Keypair) -> dict[str, Any]:
    return {"name": keypair.name, "public_key": keypair.public_key, "fingerprint": keypair.fingerprint, "type": keypair.type}


def _made(keypair: Keypair, **more: str) -> dict[str, Any]:
    return {"keypair": _basic(keypair) | {"user_id": keypair.user_id} | more}
