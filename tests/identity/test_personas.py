"""Who is who among administrators, and what they may do with what others log in with: as Keystone's default rules have it."""

from tests.harness import Caller
from tests.identity.booted import V3
from tests.identity.test_application_credentials import make
from tests.identity.test_projects import create
from tests.identity.test_trusts import PATH, pair


async def persona(keystone, name: str, role: str, **scope) -> Caller:
    """Somebody with this role on that scope (`domain_id`, `project_id`, or the system)."""
    user = await keystone.identity.create_user(name, name)
    await keystone.identity.assign_role(role, user_id=user.id, **scope)
    wanted = {kind.removesuffix("_id"): {"id": id} for kind, id in scope.items()} or {"system": {"all": True}}
    return await keystone.as_(name, name, scope=wanted)


async def test_an_administrator_of_a_domain_has_nothing_to_do_with_what_users_log_in_with(keystone):
    """Neither secrets of EC2 keys, nor application credentials, nor trusts, wherever their users are."""
    p = await pair(keystone)
    trust = (await p.create())["id"]
    keys = (await p.trustor.post(f"{V3}/users/{p.ann}/credentials/OS-EC2", {"tenant_id": p.project})).json["credential"]
    made = await make(p.trustor, p.ann, access_rules=[{"service": "compute", "method": "GET", "path": "/x"}])
    other = (await create(p.admin, "domain", name="other"))["id"]
    mine = f"{V3}/users/{p.ann}"
    everything = [
        ("GET", f"{mine}/credentials/OS-EC2/{keys['access']}"),
        ("GET", f"{mine}/credentials/OS-EC2"),
        ("DELETE", f"{mine}/credentials/OS-EC2/{keys['access']}"),
        ("GET", f"{mine}/application_credentials"),
        ("GET", f"{mine}/application_credentials/{made['id']}"),
        ("DELETE", f"{mine}/application_credentials/{made['id']}"),
        ("GET", f"{mine}/access_rules"),
        ("GET", f"{mine}/access_rules/{made['access_rules'][0]['id']}"),
        ("GET", f"{PATH}?trustor_user_id={p.ann}"),
    ]
    for name, domain in (("of theirs", "default"), ("of another", other)):
        caller = await persona(keystone, name, "admin", domain_id=domain)
        for method, path in everything:
            assert (await caller.request(method, path)).status == 403, (name, method, path)
        for method in ("GET", "DELETE"):
            assert (await caller.request(method, f"{PATH}/{trust}")).status == 404, (name, method)
    assert (await p.trustor.get(f"{mine}/credentials/OS-EC2")).json["credentials"][0]["access"] == keys["access"]


async def test_access_rules_are_the_users_and_the_systems(keystone):
    user, project = await keystone.member("ann")
    ann = await keystone.as_("ann", "ann", project="ann")
    await make(ann, user, access_rules=[{"service": "compute", "method": "GET", "path": "/x"}])
    rules = f"{V3}/users/{user}/access_rules"
    assert (await (await persona(keystone, "p", "admin", project_id=project)).get(rules)).status == 403
    one = (await ann.get(rules)).json["access_rules"][0]["id"]
    reader, admin = await persona(keystone, "r", "reader"), await persona(keystone, "a", "admin")
    assert (await reader.get(f"{rules}/{one}")).status == (await admin.get(rules)).status == 200
    assert (await reader.delete(f"{rules}/{one}")).status == 403 and (await admin.delete(f"{rules}/{one}")).status == 403  # in use
    assert (await ann.get(f"{rules}/{one}")).status == 200


async def test_who_only_reads_makes_no_keys(keystone):
    user, project = await keystone.member("ann", role="reader")
    ann = await keystone.as_("ann", "ann", project="ann")
    path = f"{V3}/users/{user}/credentials/OS-EC2"
    assert (await ann.post(path, {"tenant_id": project})).status == 403
    assert (await ann.get(path)).status == 200
    await keystone.identity.assign_role("member", user_id=user, project_id=project)
    assert (await ann.post(path, {"tenant_id": project})).status == 201
    unscoped = await keystone.as_("ann", "ann", scope="unscoped")
    assert (await unscoped.post(path, {"tenant_id": project})).status == 403


async def test_trusts_are_made_on_a_project(keystone):
    p = await pair(keystone)
    await keystone.identity.assign_role("member", user_id=p.ann, domain_id="default")
    await keystone.identity.assign_role("member", user_id=p.ann)
    for scope in ({"domain": {"id": "default"}}, {"system": {"all": True}}):
        caller = await keystone.as_("ann", "ann", scope=scope)
        assert (await caller.post(PATH, {"trust": p.good})).status == 403
    assert (await p.trustor.post(PATH, {"trust": p.good})).status == 201


async def test_rules_of_signatures_have_keystones_names(keystone):
    """An operator's file that names them must mean something."""
    for rule in ("identity:ec2tokens_validate", "identity:s3tokens_validate"):
        assert rule in keystone.kit.policy
