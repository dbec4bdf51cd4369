"""Tags, extensions, agents, RBAC policies."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.errors import Conflict, NotFound


class TagNotFound(NotFound):
    code, message = "network.tag_not_found", "Tag {tag} could not be found."


class ExtensionNotFound(NotFound):
    code, message = "network.extension_not_found", "Extension with alias {alias} does not exist"


class AgentNotFound(NotFound):
    code, message = "network.agent_not_found", "Agent {agent_id} could not be found."


class AgentIsAlive(Conflict):
    code, message = "network.agent_alive", "Agent {agent_id} is alive. Only agents that are down can be removed."


class RbacPolicyNotFound(NotFound):
    code, message = "network.rbac_not_found", "RBAC policy with ID {rbac_policy_id} not found"


class DuplicateRbacPolicy(Conflict):
    code, message = "network.rbac_duplicate", "An RBAC policy already exists with those values."


class RbacPolicyInUse(Conflict):
    code, message = "network.rbac_in_use", "RBAC policy on object {object_id} cannot be removed because other objects depend on it."
