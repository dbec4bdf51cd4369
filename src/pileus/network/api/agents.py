"""/v2.0/agents and /v2.0/availability_zones"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from pileus.core.http import Request, Route
from pileus.network.api.common import listed, selected, wanted
from pileus.network.model import Agent
from pileus.network.model.fields import Text, given


class AgentUpdate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    admin_state_up: bool | UnsetType = UNSET
    description: Text | UnsetType = UNSET


class AgentChange(msgspec.Struct, forbid_unknown_fields=True):
    agent: AgentUpdate


async def list_agents(req: Request):
    asked = wanted(req)
    if not req.allows("get_agent"):                    # a list shows what one may see: nothing
        return {"agents": []}
    views = [show(req, agent) for agent in await req.services.network.agents.list(asked)]
    for name, values in asked.filters:                 # what is not a column
        if name in ("alive", "binary", "agent_type", "availability_zone"):
            views = [view for view in views if str(view[name]).lower() in {value.lower() for value in values}]
    return listed(req, "agents", views, lambda req, view: view, asked)


async def show_agent(req: Request, agent_id: str):
    return {"agent": selected(req, show(req, await req.services.network.agents.get(agent_id)))}


async def update_agent(req: Request, agent_id: str, body: AgentChange):
    changes = given(body.agent, "admin_state_up", "description")
    return {"agent": show(req, await req.services.network.agents.update(agent_id, changes))}


async def delete_agent(req: Request, agent_id: str):
    await req.services.network.agents.delete(agent_id)


async def list_zones(req: Request):
    """There is one, for networks and for routers."""
    name = req.services.network.config.availability_zone
    zones = [{"name": name, "resource": resource, "state": "available"} for resource in ("network", "router")]
    for key, values in wanted(req).filters:
        zones = [zone for zone in zones if key not in zone or zone[key] in values]
    return {"availability_zones": [selected(req, zone) for zone in zones]}


def show(req: Request, agent: Agent) -> dict[str, Any]:
    agents = req.services.network.agents
    return {
        "id": agent.id,
        "agent_type": "Network agent",
        "binary": "pileus-network-agent",
        "topic": "network",
        "host": agent.host,
        "availability_zone": agents.config.availability_zone,
        "admin_state_up": agent.admin_state_up,
        "alive": agents.alive(agent),
        "created_at": _moment(agent.created_at),
        "started_at": _moment(agent.started_at),
        "heartbeat_timestamp": _moment(agent.heartbeat_at),
        "description": agent.description,
        "resources_synced": None,
        "configurations": {"datapath": agent.datapath, "underlay": agent.underlay, "bridge_mappings": agent.bridges},
    }


def _moment(moment: Any) -> str:
    """Agents' times come without a zone."""
    return moment.strftime("%Y-%m-%d %H:%M:%S")


ROUTES = [
    Route("GET", "/v2.0/agents", list_agents, policy="regular_user"),
    Route("GET", "/v2.0/agents/{agent_id}", show_agent, policy="get_agent"),
    Route("PUT", "/v2.0/agents/{agent_id}", update_agent, policy="update_agent", body=AgentChange),
    Route("DELETE", "/v2.0/agents/{agent_id}", delete_agent, policy="delete_agent", ok=204),
    Route("GET", "/v2.0/availability_zones", list_zones, policy="get_availability_zone"),
]
