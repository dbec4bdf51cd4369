"""Identity providers, protocols, mappings and service providers, below OS-FEDERATION."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pileus.core.http import Request, Route
from pileus.identity.api.auth import list_auth_domains, list_auth_projects
from pileus.identity.api.bodies import Description, check_same_id, given, path_id, some
from pileus.identity.api.views import BASE, filters, links, listing
from pileus.identity.federation.model import IdentityProvider, Mapping, Protocol, ServiceProvider

Url = Annotated[str, Meta(max_length=256, pattern=r"^https?://")]
ROOT = "OS-FEDERATION"


class IdpFields(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    enabled: bool | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    domain_id: str | UnsetType | None = UNSET
    remote_ids: Annotated[list[Annotated[str, Meta(max_length=255)]], Meta(max_length=100)] | UnsetType | None = UNSET
    authorization_ttl: Annotated[int, Meta(ge=0, le=2**31 - 1)] | UnsetType | None = UNSET

    def values(self) -> dict[str, Any]:
        found = given(self)
        if "remote_ids" in found:
            found["remote_ids"] = tuple(dict.fromkeys(found["remote_ids"] or ()))
        return found


class IdpBody(msgspec.Struct):
    identity_provider: IdpFields


class ProtocolFields(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    mapping_id: str | UnsetType = UNSET
    remote_id_attribute: Annotated[str, Meta(max_length=64)] | UnsetType | None = UNSET


class NewProtocol(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    mapping_id: str
    remote_id_attribute: Annotated[str, Meta(max_length=64)] | UnsetType | None = UNSET


class ProtocolBody(msgspec.Struct):
    protocol: ProtocolFields


class NewProtocolBody(msgspec.Struct):
    protocol: NewProtocol


class MappingFields(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    id: str | UnsetType = UNSET
    rules: list[dict[str, Any]] | UnsetType = UNSET
    schema_version: str | UnsetType = UNSET


class NewMapping(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`id`: openstacksdk says it in the body too."""

    id: str | UnsetType = UNSET
    rules: list[dict[str, Any]]
    schema_version: str = "1.0"


class MappingBody(msgspec.Struct):
    mapping: MappingFields


class NewMappingBody(msgspec.Struct):
    mapping: NewMapping


class SpFields(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    auth_url: Url | UnsetType = UNSET
    sp_url: Url | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    relay_state_prefix: Annotated[str, Meta(max_length=256)] | UnsetType = UNSET


class NewSp(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    auth_url: Url
    sp_url: Url
    enabled: bool | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    relay_state_prefix: Annotated[str, Meta(max_length=256)] | UnsetType = UNSET


class SpBody(msgspec.Struct):
    service_provider: SpFields


class NewSpBody(msgspec.Struct):
    service_provider: NewSp


# ---- identity providers ----------------------------------------------------------------------------------------------
async def list_idps(req: Request) -> dict[str, Any]:
    found = await req.services.identity.federation.idps.matching(filters(req, ("id",), ("enabled",)))
    return listing(req, "identity_providers", [show_idp(req, x) for x in found])


async def create_idp(req: Request, idp_id: str, body: IdpBody) -> dict[str, Any]:
    made = await req.services.identity.federation.create_idp(path_id(idp_id), **body.identity_provider.values())
    return {"identity_provider": show_idp(req, made)}


async def get_idp(req: Request, idp_id: str) -> dict[str, Any]:
    return {"identity_provider": show_idp(req, await req.services.identity.federation.idps.get(idp_id))}


async def update_idp(req: Request, idp_id: str, body: IdpBody) -> dict[str, Any]:
    changed = await req.services.identity.federation.update_idp(idp_id, some(body.identity_provider.values()))
    return {"identity_provider": show_idp(req, changed)}


async def delete_idp(req: Request, idp_id: str) -> None:
    await req.services.identity.federation.delete_idp(idp_id)


# ---- protocols -------------------------------------------------------------------------------------------------------
async def list_protocols(req: Request, idp_id: str) -> dict[str, Any]:
    found = await req.services.identity.federation.list_protocols(idp_id)
    return listing(req, "protocols", [show_protocol(req, x) for x in found])


async def create_protocol(req: Request, idp_id: str, protocol_id: str, body: NewProtocolBody) -> dict[str, Any]:
    protocol = Protocol(idp_id=idp_id, id=path_id(protocol_id), **given(body.protocol))
    return {"protocol": show_protocol(req, await req.services.identity.federation.create_protocol(protocol))}


async def get_protocol(req: Request, idp_id: str, protocol_id: str) -> dict[str, Any]:
    return {"protocol": show_protocol(req, await req.services.identity.federation.protocols.get(idp_id, protocol_id))}


async def update_protocol(req: Request, idp_id: str, protocol_id: str, body: ProtocolBody) -> dict[str, Any]:
    changed = await req.services.identity.federation.update_protocol(idp_id, protocol_id, some(given(body.protocol)))
    return {"protocol": show_protocol(req, changed)}


async def delete_protocol(req: Request, idp_id: str, protocol_id: str) -> None:
    await req.services.identity.federation.protocols.remove(idp_id, protocol_id)


# ---- mappings --------------------------------------------------------------------------------------------------------
async def list_mappings(req: Request) -> dict[str, Any]:
    return listing(req, "mappings", [show_mapping(req, x) for x in await req.services.identity.federation.mappings.matching()])


async def create_mapping(req: Request, mapping_id: str, body: NewMappingBody) -> dict[str, Any]:
    check_same_id(mapping_id, body.mapping.id)
    made = Mapping(id=path_id(mapping_id), rules=body.mapping.rules, schema_version=body.mapping.schema_version)
    return {"mapping": show_mapping(req, await req.services.identity.federation.create_mapping(made))}


async def get_mapping(req: Request, mapping_id: str) -> dict[str, Any]:
    return {"mapping": show_mapping(req, await req.services.identity.federation.mappings.get(mapping_id))}


async def update_mapping(req: Request, mapping_id: str, body: MappingBody) -> dict[str, Any]:
    check_same_id(mapping_id, body.mapping.id)
    values = {k: v for k, v in msgspec.structs.asdict(body.mapping).items() if k != "id" and v is not UNSET}
    return {"mapping": show_mapping(req, await req.services.identity.federation.update_mapping(mapping_id, some(values)))}


async def delete_mapping(req: Request, mapping_id: str) -> None:
    await req.services.identity.federation.mappings.remove(mapping_id)


# ---- service providers -----------------------------------------------------------------------------------------------
async def list_sps(req: Request) -> dict[str, Any]:
    found = await req.services.identity.federation.sps.matching(filters(req, ("id",), ("enabled",)))
    return listing(req, "service_providers", [show_sp(req, x) for x in found])


async def create_sp(req: Request, sp_id: str, body: NewSpBody) -> dict[str, Any]:
    made = ServiceProvider(id=path_id(sp_id), **given(body.service_provider))
    return {"service_provider": show_sp(req, await req.services.identity.federation.create_sp(made))}


async def get_sp(req: Request, sp_id: str) -> dict[str, Any]:
    return {"service_provider": show_sp(req, await req.services.identity.federation.sps.get(sp_id))}


async def update_sp(req: Request, sp_id: str, body: SpBody) -> dict[str, Any]:
    changed = await req.services.identity.federation.update_sp(sp_id, some(given(body.service_provider)))
    return {"service_provider": show_sp(req, changed)}


async def delete_sp(req: Request, sp_id: str) -> None:
    await req.services.identity.federation.delete_sp(sp_id)


# ---- views -----------------------------------------------------------------------------------------------------------
def show_idp(req: Request, x: IdentityProvider) -> dict[str, Any]:
    path = f"{ROOT}/identity_providers"
    return {
        "id": x.id,
        "domain_id": x.domain_id,
        "enabled": x.enabled,
        "description": x.description,
        "remote_ids": list(x.remote_ids),
        "authorization_ttl": x.authorization_ttl,
        "links": links(req, path, x.id) | {"protocols": req.url(f"{BASE}/{path}/{x.id}/protocols")},
    }


def show_protocol(req: Request, x: Protocol) -> dict[str, Any]:
    above = f"{ROOT}/identity_providers"
    return {
        "id": x.id,
        "mapping_id": x.mapping_id,
        "remote_id_attribute": x.remote_id_attribute,
        "links": links(req, f"{above}/{x.idp_id}/protocols", x.id) | {"identity_provider": req.url(f"{BASE}/{above}/{x.idp_id}")},
    }


def show_mapping(req: Request, x: Mapping) -> dict[str, Any]:
    return {"id": x.id, "rules": x.rules, "schema_version": x.schema_version, "links": links(req, f"{ROOT}/mappings", x.id)}


def show_sp(req: Request, x: ServiceProvider) -> dict[str, Any]:
    return {
        "id": x.id,
        "auth_url": x.auth_url,
        "sp_url": x.sp_url,
        "enabled": x.enabled,
        "description": x.description,
        "relay_state_prefix": x.relay_state_prefix,
        "links": links(req, f"{ROOT}/service_providers", x.id),
    }


_IDPS, _IDP = "/v3/OS-FEDERATION/identity_providers", "/v3/OS-FEDERATION/identity_providers/{idp_id}"
_PROTOCOL = _IDP + "/protocols/{protocol_id}"
_MAPPING, _SP = "/v3/OS-FEDERATION/mappings/{mapping_id}", "/v3/OS-FEDERATION/service_providers/{sp_id}"
ROUTES = [
    Route("GET", _IDPS, list_idps, policy="identity:list_identity_providers"),
    Route("PUT", _IDP, create_idp, policy="identity:create_identity_provider", body=IdpBody, ok=201),
    Route("GET", _IDP, get_idp, policy="identity:get_identity_provider"),
    Route("PATCH", _IDP, update_idp, policy="identity:update_identity_provider", body=IdpBody),
    Route("DELETE", _IDP, delete_idp, policy="identity:delete_identity_provider", ok=204),
    Route("GET", _IDP + "/protocols", list_protocols, policy="identity:list_protocols"),
    Route("PUT", _PROTOCOL, create_protocol, policy="identity:create_protocol", body=NewProtocolBody, ok=201),
    Route("GET", _PROTOCOL, get_protocol, policy="identity:get_protocol"),
    Route("PATCH", _PROTOCOL, update_protocol, policy="identity:update_protocol", body=ProtocolBody),
    Route("DELETE", _PROTOCOL, delete_protocol, policy="identity:delete_protocol", ok=204),
    Route("GET", "/v3/OS-FEDERATION/mappings", list_mappings, policy="identity:list_mappings"),
    Route("PUT", _MAPPING, create_mapping, policy="identity:create_mapping", body=NewMappingBody, ok=201),
    Route("GET", _MAPPING, get_mapping, policy="identity:get_mapping"),
    Route("PATCH", _MAPPING, update_mapping, policy="identity:update_mapping", body=MappingBody),
    Route("DELETE", _MAPPING, delete_mapping, policy="identity:delete_mapping", ok=204),
    Route("GET", "/v3/OS-FEDERATION/service_providers", list_sps, policy="identity:list_service_providers"),
    Route("PUT", _SP, create_sp, policy="identity:create_service_provider", body=NewSpBody, ok=201),
    Route("GET", _SP, get_sp, policy="identity:get_service_provider"),
    Route("PATCH", _SP, update_sp, policy="identity:update_service_provider", body=SpBody),
    Route("DELETE", _SP, delete_sp, policy="identity:delete_service_provider", ok=204),
    Route("GET", "/v3/OS-FEDERATION/projects", list_auth_projects, policy="identity:get_auth_projects"),
    Route("GET", "/v3/OS-FEDERATION/domains", list_auth_domains, policy="identity:get_auth_domains"),
]
