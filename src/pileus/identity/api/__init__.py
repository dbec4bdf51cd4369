"""Keystone's HTTP face: version 3, below /identity."""

# SPDX-License-Identifier: Apache-2.0
from pileus.core.http import Api
from pileus.identity.api import (
    application_credentials,
    auth,
    catalog,
    consumers,
    credentials,
    domain_configs,
    domains,
    ec2,
    endpoint_filters,
    endpoint_policies,
    federated_auth,
    federation,
    grants,
    groups,
    limits,
    oauth2,
    policies,
    project_tags,
    projects,
    regions,
    registered_limits,
    role_assignments,
    roles,
    trusts,
    users,
    versions,
)
from pileus.identity.api.errors import render
from pileus.identity.api.views import ROOT

_RESOURCES = (
    versions,
    auth,
    domains,
    projects,
    project_tags,
    users,
    groups,
    roles,
    grants,
    role_assignments,
    catalog,
    regions,
    policies,
    credentials,
    trusts,
    endpoint_filters,
    endpoint_policies,
    federation,
    federated_auth,
    oauth2,
    consumers,
    domain_configs,
    registered_limits,
    limits,
    application_credentials,
    ec2,
)
API = Api(name="identity", root=ROOT, routes=[route for resource in _RESOURCES for route in resource.ROUTES], render=render)
