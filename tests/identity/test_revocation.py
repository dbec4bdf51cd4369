"""What ends a token before its time, and what does not. No time passes in these tests unless they say so: every change and
every login happens at the same instant, and still the order counts."""

import asyncio

import pytest

from pileus.identity.config import IdentityConfig
from pileus.identity.model import NewPassword, NewProject
from pileus.identity.service import Identity
from tests.harness import Caller
from tests.identity.booted import V3, booted


async def test_deleting_a_token_ends_it_and_its_descendants(keystone):
    """Row 27: OSSA-2012-010, OSSA-2016-005: the whole chain below it, also across a token in the middle that was forgotten."""
    await keystone.member("ann")
    top = (await keystone.auth("ann", "ann", scope="unscoped")).headers["x-subject-token"]
    project = {"project": {"name": "ann", "domain": {"id": "default"}}}
    middle = (await keystone.rescope(top, project)).headers["x-subject-token"]
    low = (await keystone.rescope(middle, "unscoped")).headers["x-subject-token"]
    lowest = (await keystone.rescope(low, project)).headers["x-subject-token"]
    sibling = (await keystone.rescope(top, project)).headers["x-subject-token"]
    apart = (await keystone.auth("ann", "ann")).headers["x-subject-token"]

    ann = Caller(keystone.app, apart)
    assert (await ann.delete(f"{V3}/auth/tokens", headers={"X-Subject-Token": middle})).status == 204
    assert [await keystone.works(t) for t in (top, middle, low, lowest, sibling, apart)] == [True, False, False, False, True, True]
    assert (await ann.get(f"{V3}/auth/tokens", headers={"X-Subject-Token": middle})).status == 404
    assert (await keystone.rescope(middle)).status == 404
    assert (await ann.delete(f"{V3}/auth/tokens?cascade=false", headers={"X-Subject-Token": top})).status == 204
    assert [await keystone.works(t) for t in (top, sibling, apart)] == [False, True, True]
    assert (await ann.delete(f"{V3}/auth/tokens", headers={"X-Subject-Token": apart})).status == 204
    assert not await keystone.works(apart)


async def test_a_changed_password_ends_all_tokens(keystone):
    """OSSA-2012-018 and OSSA-2013-011."""
    user, _ = await keystone.member("ann")
    by_user = await keystone.token("ann")
    child = (await keystone.rescope(by_user)).headers["x-subject-token"]
    change = {"user": {"original_password": "ann", "password": "new"}}
    assert (await keystone.anonymous.post(f"{V3}/users/{user}/password", change)).status == 204
    assert not await keystone.works(by_user) and not await keystone.works(child)
    assert (await keystone.auth("ann", "ann")).status == 401
    fresh = (await keystone.as_("ann", "new", project="ann")).token
    assert await keystone.works(fresh)
    admin = await keystone.as_()
    assert (await admin.patch(f"{V3}/users/{user}", {"user": {"password": "newer"}})).status == 200
    assert not await keystone.works(fresh) and await keystone.works(admin.token)


async def test_disabling_ends_tokens_for_good(keystone):
    """OSSA-2012-019, OSSA-2013-025: a user, project or domain that is enabled again does not revive them."""
    admin = await keystone.as_()
    domain = (await admin.post(f"{V3}/domains", {"domain": {"name": "d"}})).json["domain"]["id"]
    for level, scope_by in (("user", "default"), ("project", "default"), ("domain", domain)):
        where = {"domain_id": scope_by}
        user = (await admin.post(f"{V3}/users", {"user": {"name": level, "password": level, **where}})).json["user"]["id"]
        project = (await admin.post(f"{V3}/projects", {"project": {"name": level, **where}})).json["project"]["id"]
        await keystone.identity.assign_role("member", user_id=user, project_id=project)
        await keystone.identity.assign_role("member", user_id=user, domain_id=domain)
        login = {"scope": {"project": {"id": project}}, "domain": "Default" if scope_by == "default" else "d"}
        tokens = [
            (await keystone.auth(level, level, **login)).headers["x-subject-token"],
            (await keystone.auth(level, level, domain=login["domain"], scope={"domain": {"id": domain}})).headers[
                "x-subject-token"
            ],
        ]
        path = f"{V3}/{level}s/" + {"user": user, "project": project, "domain": domain}[level]
        for enabled in (False, True):
            assert (await admin.patch(path, {level: {"enabled": enabled}})).status == 200
            assert not await keystone.works(tokens[0]), (level, enabled)
            assert await keystone.works(tokens[1]) is (level == "project"), (level, enabled)
            assert (await keystone.auth(level, level, **login)).status == (201 if enabled else 401)


async def test_deleting_user_or_project_ends_tokens(keystone):
    for what in ("user", "project"):
        user, project = await keystone.member("ann")
        token = await keystone.token("ann")
        admin = await keystone.as_()
        assert (await admin.delete(f"{V3}/{what}s/{user if what == 'user' else project}")).status == 204
        assert not await keystone.works(token)


async def test_a_role_taken_away_is_gone_at_once(keystone):
    """Row 27: OSSA-2012-010, OSSA-2012-014: from existing tokens too; the last one takes the token with it."""
    user, project = await keystone.member("ann")
    await keystone.identity.assign_role("manager", user_id=user, project_id=project)
    token = await keystone.token("ann")
    assert (await keystone.identity.authenticate(token)).roles == {"manager", "member", "reader"}
    admin = await keystone.as_()
    roles = {r["name"]: r["id"] for r in (await admin.get(f"{V3}/roles")).json["roles"]}
    for role, left in (("manager", {"member", "reader"}), ("member", None)):
        assert (await admin.delete(f"{V3}/projects/{project}/users/{user}/roles/{roles[role]}")).status == 204
        if left:
            assert (await keystone.identity.authenticate(token)).roles == left
    assert not await keystone.works(token)
    assert (await keystone.auth("ann", "ann", scope={"project": {"id": project}})).status == 401


async def test_roles_through_groups_inheritance_and_implication_follow_every_change(keystone):
    admin, identity = await keystone.as_(), keystone.identity
    user = (await identity.create_user("ann", "ann")).id
    top = (await identity.create_project("top")).id
    low = (await identity.projects.create(NewProject(name="low"), domain_id="default", parent_id=top)).id
    group = (await admin.post(f"{V3}/groups", {"group": {"name": "g"}})).json["group"]["id"]
    role, extra = [(await admin.post(f"{V3}/roles", {"role": {"name": n}})).json["role"]["id"] for n in ("Auditor", "clerk")]
    await admin.put(f"{V3}/groups/{group}/users/{user}")
    grant = f"{V3}/OS-INHERIT/projects/{top}/groups/{group}/roles/{role}/inherited_to_projects"
    assert (await admin.put(grant)).status == 204

    assert (await keystone.auth("ann", "ann", scope={"project": {"id": top}})).status == 401  # it only holds below
    token = (await keystone.auth("ann", "ann", scope={"project": {"id": low}})).headers["x-subject-token"]

    async def roles():
        return set((await identity.authenticate(token)).roles) if await keystone.works(token) else None

    assert await roles() == {"auditor"}
    implies = f"{V3}/roles/{role}/implies/{extra}"
    assert (await admin.put(implies)).status == 201 and await roles() == {"auditor", "clerk"}
    assert (await admin.delete(implies)).status == 204 and await roles() == {"auditor"}
    await admin.patch(f"{V3}/roles/{role}", {"role": {"name": "checker"}})
    assert await roles() == {"checker"}
    member = f"{V3}/groups/{group}/users/{user}"
    assert (await admin.delete(member)).status == 204 and await roles() is None
    assert (await admin.put(member)).status == 204 and await roles() == {"checker"}
    assert (await admin.delete(grant)).status == 204 and await roles() is None
    assert (await admin.put(grant)).status == 204 and await roles() == {"checker"}
    assert (await admin.delete(f"{V3}/roles/{role}")).status == 204 and await roles() is None


async def test_a_change_that_concerns_nobody_ends_nothing(keystone):
    await keystone.member("ann")
    token = await keystone.token("ann")
    user, project = await keystone.member("bob")
    admin = await keystone.as_()
    await admin.patch(f"{V3}/users/{user}", {"user": {"enabled": False}})
    await admin.patch(f"{V3}/projects/{project}", {"project": {"enabled": False}})
    await admin.delete(f"{V3}/users/{user}")
    assert await keystone.works(token)


async def test_another_copy_of_the_control_plane_notices_within_a_second(tmp_path):
    """Each copy has its own caches; the database tells them. Their keys are in a shared folder."""
    shared = {"key_repository": str(tmp_path / "keys")}
    async with booted(**shared) as one:
        two = Identity(one.kit, IdentityConfig(bcrypt_cost=4, hash_threads=0, **shared))
        await two.start()
        user, _ = await one.member("ann")
        token = await one.token("ann")
        assert (await two.authenticate(token)).user_id == user
        await one.identity.users.update(user, {"enabled": False})
        assert not await one.works(token)  # the own change: at once
        assert (await two.authenticate(token)).user_id == user  # may still be taken for a moment
        await asyncio.sleep(1.0)
        assert await two.tokens.find(token) is None
        # A login at the copy that has not noticed yet is not mistaken for an older one.
        await one.identity.users.update(user, {"enabled": True})
        from pileus.identity.model import DomainRef, Login, PasswordUser

        again = await two.logins.log_in(Login(password=PasswordUser(name="ann", domain=DomainRef(id="default"), password="ann")))
        assert await one.works(again.token)


async def test_what_is_undone_was_never_said(keystone):
    """A change that is rolled back leaves the generation, and every token, as they were."""
    admin = await keystone.as_()
    me = (await keystone.identity.authenticate(admin.token)).user_id
    before = dict(keystone.identity.core.generations.known)
    assert (await admin.patch(f"{V3}/users/{me}", {"user": {"enabled": False}})).status == 403  # the last administrator
    assert keystone.identity.core.generations.known == before
    assert await keystone.works(admin.token) and (await keystone.auth()).status == 201


async def test_revocations_are_forgotten_when_no_token_can_need_them(keystone):
    from pileus.identity.periodic import purge_revocations

    user, _ = await keystone.member("ann")
    token = await keystone.token("ann")
    await keystone.identity.users.update(user, {}, password=NewPassword(text="ann2"))
    assert await purge_revocations(keystone.identity) is None and not await keystone.works(token)
    await asyncio.sleep(48 * 3600 + 3600 + 1)
    assert await purge_revocations(keystone.identity) == "1 revocations forgotten"
    assert not await keystone.works(token)  # it has expired


async def test_all_tokens_of_a_user_end_at_once(keystone):
    """By themselves or by an administrator; nobody else's do."""
    (ann, _), (bob, _) = await keystone.member("ann"), await keystone.member("bob")
    tokens, others = [await keystone.token("ann") for _ in range(2)], await keystone.token("bob")
    path = f"{V3}/users/{ann}/tokens"
    assert (await Caller(keystone.app, others).delete(path)).status == 403
    assert (await Caller(keystone.app, tokens[0]).delete(path)).status == 204
    assert [await keystone.works(t) for t in (*tokens, others)] == [False, False, True]
    admin = await keystone.as_()
    assert (await admin.delete(f"{V3}/users/{bob}/tokens")).status == 204 and not await keystone.works(others)
    assert (await admin.delete(f"{V3}/users/missing/tokens")).status == 404
    assert await keystone.works(await keystone.token("ann")), "who logs in anew has a good one"


async def test_services_may_list_what_was_revoked(keystone):
    ann, _ = await keystone.member("ann")
    await keystone.member("nova", "service", "service")
    nova = await keystone.as_("nova", "nova", project="service")
    admin = await keystone.as_()
    path = f"{V3}/OS-REVOKE/events"
    assert (await nova.get(path)).json["events"] == []
    doomed = await keystone.as_("ann", "ann", project="ann")
    shown = (await doomed.get(f"{V3}/auth/tokens", headers={"X-Subject-Token": doomed.token})).json["token"]
    await doomed.delete(f"{V3}/auth/tokens", headers={"X-Subject-Token": doomed.token})
    await asyncio.sleep(1)
    await admin.delete(f"{V3}/users/{ann}/tokens")
    at = ["2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:01.000000Z"]
    events = [{"audit_chain_id": shown["audit_ids"][0], "issued_before": at[0], "revoked_at": at[0]},
              {"user_id": ann, "issued_before": at[1], "revoked_at": at[1]}]
    for caller in (nova, admin):
        assert (await caller.get(path)).json["events"] == events
    assert (await nova.get(f"{path}?since={at[1]}")).json["events"] == events[1:]
    assert (await nova.get(f"{path}?since=soon")).status == 400
    assert (await (await keystone.as_("ann", "ann", project="ann")).get(path)).status == 403


@pytest.mark.parametrize("path", ["OS-SIMPLE-CERT/ca", "OS-SIMPLE-CERT/certificates", "auth/tokens/OS-PKI/revoked"])
async def test_what_went_with_pki_tokens_is_gone(keystone, path):
    got = await keystone.anonymous.get(f"{V3}/{path}")
    assert got.status == 410 and got.json["error"]["code"] == 410
