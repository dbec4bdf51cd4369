"""Walks over the routes: nobody gets in without a token, nobody reaches another project's resources, every rule exists."""

import msgspec
import pytest

from pileus.network.api import API
from pileus.network.config import NetworkConfig
from pileus.network.policy import DEFAULTS
from tests.network.lab import V2, Lab

#: A body that each route with one accepts, where an empty object is not enough.
BODIES = {
    "/tags": {"tags": []},
    "routers/{router_id}/add_extraroutes": {"router": {"routes": []}},
    "routers/{router_id}/remove_extraroutes": {"router": {"routes": []}},
    "/networks/{network_id}": {"network": {}},
    "/subnets/{subnet_id}": {"subnet": {}},
    "/ports/{port_id}": {"port": {}},
    "/routers/{router_id}": {"router": {}},
    "/floatingips/{floatingip_id}": {"floatingip": {}},
    "/security-groups/{security_group_id}": {"security_group": {}},
    "/subnetpools/{subnetpool_id}": {"subnetpool": {}},
    "/address-scopes/{address_scope_id}": {"address_scope": {}},
    "/rbac-policies/{rbac_policy_id}": {"rbac_policy": {}},
    "/agents/{agent_id}": {"agent": {}},
    "/quotas/{project_id}": {"quota": {}},
}


def body_of(route):
    return next((body for ending, body in BODIES.items() if route.path.endswith(ending)), {})


async def everything(lab):
    """One of each resource of project p1: path parameter → id."""
    external, network = await lab.external(), await lab.network()
    scope = await lab.make("address-scopes", "address_scope", name="s", ip_version=4)
    group = await lab.make("security-groups", "security_group", name="g")
    made = {
        "network_id": network,
        "subnet_id": {"id": network["subnets"][0]},
        "port_id": await lab.port(network),
        "router_id": await lab.router(),
        "subnetpool_id": await lab.make("subnetpools", "subnetpool", prefixes=["10.0.0.0/8"]),
        "address_scope_id": scope,
        "security_group_id": group,
        "floatingip_id": await lab.make("floatingips", "floatingip", floating_network_id=external["id"]),
        "security_group_rule_id": group["security_group_rules"][0],
        "rbac_policy_id": await lab.make(
            "rbac-policies",
            "rbac_policy",
            object_type="network",
            object_id=network["id"],
            action="access_as_shared",
            target_tenant="p7",
        ),
    }
    agents = (await lab.admin.get(f"{V2}/agents")).json["agents"]
    return {name: one["id"] for name, one in made.items()} | {
        "agent_id": agents[0]["id"],
        "project_id": "p1",
        "tag": "t",
        "alias": "router",
    }


async def test_nobody_gets_in_without_a_token():
    async with Lab() as lab:
        for route in API.routes:
            if route.policy is None:
                assert route.path == "/"
                continue
            answer = await lab.http.anonymous().request(route.method, "/network" + route.path)
            assert answer.status == 401 and answer.json["error"]["code"] == 401, route.path


async def test_another_projects_resources_are_not_there():
    async with Lab() as lab:
        ids = await everything(lab)
        before = {
            name: (await lab.admin.get(f"{V2}/{name}")).json
            for name in ("networks", "subnets", "ports", "routers", "floatingips", "security-groups")
        }
        walked = 0
        for route in API.routes:
            if "{" not in route.path or any(
                part in route.path for part in ("{alias}", "{agent_id}", "{project_id}", "network-ip-availabilities")
            ):
                continue
            answer = await lab.as_(project="p2").request(
                route.method, "/network" + route.path.format(**ids), json=body_of(route) if route.body else None
            )
            assert answer.status == 404, f"{route.method} {route.path}: {answer.status} {answer.text}"
            walked += 1
        assert walked > 80
        assert before == {name: (await lab.admin.get(f"{V2}/{name}")).json for name in before}


async def test_readers_change_nothing():
    async with Lab() as lab:
        ids = await everything(lab)
        for route in API.routes:
            if route.method == "GET" or route.path.endswith(("agents/{agent_id}", "quotas/{project_id}")):
                continue
            answer = await lab.as_("reader").request(
                route.method, "/network" + route.path.format(**ids), json=body_of(route) if route.body else None
            )
            assert answer.status == 403, f"{route.method} {route.path}: {answer.status} {answer.text}"


async def test_the_owner_reaches_everything():
    """The other half of the walks above: their 404 and 403 are not those of wrong paths."""
    async with Lab() as lab:
        ids = await everything(lab)
        for route in API.routes:
            if (
                route.method == "GET"
                and "{agent_id}" not in route.path
                and "availabilities/" not in route.path
                and "{project_id}" not in route.path
            ):
                if route.path.endswith("/{tag}") or route.policy == "admin_only":
                    continue
                answer = await lab.as_().get("/network" + route.path.format(**ids))
                assert answer.status == 200, f"{route.path}: {answer.status} {answer.text}"


async def test_a_system_token_is_not_for_projects_resources():
    async with Lab() as lab:
        refused = await lab.as_("admin", system=True).get(f"{V2}/networks")
        assert refused.status == 403


def test_every_rule_that_routes_name_exists():
    assert not {route.policy for route in API.routes if route.policy is not None} - set(DEFAULTS)


@pytest.mark.parametrize(
    "resource",
    ["network", "subnet", "subnetpool", "port", "router", "floatingip", "security_group", "security_group_rule", "rbac_policy"],
)
def test_every_resource_has_a_quota(resource):
    assert NetworkConfig().quota(resource) >= -1 and msgspec.convert({f"quota_{resource}": 7}, NetworkConfig).quota(resource) == 7
