"""The tables of identity and the only SQL on them, one module per noun."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.db import Database
from pileus.identity.store.application_credentials import AccessRules, ApplicationCredentials
from pileus.identity.store.assignments import Assignments
from pileus.identity.store.catalog import Endpoints, Policies, Regions, Services
from pileus.identity.store.consumers import Consumers
from pileus.identity.store.credentials import Credentials
from pileus.identity.store.domain_configs import DomainConfigs
from pileus.identity.store.endpoint_filters import Associations, EndpointGroups, project_endpoint_groups, project_endpoints
from pileus.identity.store.federation import FederatedUsers, IdentityProviders, Mappings, Protocols, ServiceProviders
from pileus.identity.store.limits import Limits, RegisteredLimits
from pileus.identity.store.oauth1 import AccessTokens, Nonces, RequestTokens
from pileus.identity.store.policy_associations import PolicyAssociations
from pileus.identity.store.projects import Projects
from pileus.identity.store.revocations import Revocations
from pileus.identity.store.roles import Roles
from pileus.identity.store.sealed import Sealed
from pileus.identity.store.standings import Standings
from pileus.identity.store.trusts import Trusts
from pileus.identity.store.users import Groups, Users


class Store:
    def __init__(self, db: Database):
        self.projects = Projects(db)
        self.users = Users(db)
        self.groups = Groups(db)
        self.roles = Roles(db)
        self.assignments = Assignments(db)
        self.services = Services(db)
        self.endpoints = Endpoints(db)
        self.endpoint_groups = EndpointGroups(db)
        self.project_endpoints = Associations(db, project_endpoints, "endpoint_id")
        self.project_endpoint_groups = Associations(db, project_endpoint_groups, "endpoint_group_id")
        self.consumers = Consumers(db)
        self.request_tokens = RequestTokens(db)
        self.access_tokens = AccessTokens(db)
        self.nonces = Nonces(db)
        self.domain_configs = DomainConfigs(db)
        self.registered_limits = RegisteredLimits(db)
        self.limits = Limits(db)
        self.policy_associations = PolicyAssociations(db)
        self.identity_providers = IdentityProviders(db)
        self.protocols = Protocols(db)
        self.mappings = Mappings(db)
        self.service_providers = ServiceProviders(db)
        self.federated_users = FederatedUsers(db)
        self.regions = Regions(db)
        self.policies = Policies(db)
        self.credentials = Credentials(db)
        self.trusts = Trusts(db)
        self.standings = Standings(db)
        self.application_credentials = ApplicationCredentials(db)
        self.access_rules = AccessRules(db)
        self.revocations = Revocations(db)
        self.sealed = Sealed(db)
