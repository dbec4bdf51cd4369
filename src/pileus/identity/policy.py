"""The default rules, under Keystone's names and with its personas.

An administrator is one on any scope; a domain's manager or reader acts within that domain; a system reader sees everything;
users see themselves. Keystone writes some of these with paths into the token (`token.project.domain.id`); they say the same
here with the caller's own attributes.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.policy import Default
from pileus.identity import policy_extensions, policy_logins
from pileus.identity.personas import ADMIN, ADMIN_OR_READER, ANY, GLOBAL, Rules

SUBJECT = "user_id:%(target.token.user_id)s"


def _reads(target: str) -> str:
    return f"{ADMIN_OR_READER} or (role:reader and domain_id:%({target})s)"


def _manages(target: str) -> str:
    return f"{ADMIN} or (role:manager and domain_id:%({target})s)"


_READS_PROJECT = f"{_reads('target.project.domain_id')} or project_id:%(target.project.id)s"
_MANAGES_MEMBERSHIP = f"{ADMIN} or (role:manager and domain_id:%(target.group.domain_id)s and domain_id:%(target.user.domain_id)s)"
_READS_MEMBERSHIP = (
    f"{ADMIN_OR_READER} or (role:reader and domain_id:%(target.group.domain_id)s and domain_id:%(target.user.domain_id)s)"
)


def _grants(role: str) -> str:
    """`role` on a domain that both the one who gets and what it is for belong to."""
    pairs = [(actor, target) for actor in ("user", "group") for target in ("project.domain_id", "domain.id")]
    return (
        "("
        + " or ".join(f"(role:{role} and domain_id:%(target.{a}.domain_id)s and domain_id:%(target.{t})s)" for a, t in pairs)
        + ")"
    )


_ROLE_IN_REACH = "(domain_id:%(target.role.domain_id)s or None:%(target.role.domain_id)s)"
_CHANGES_GRANTS = (
    f"{ADMIN} or ({_grants('admin')} and {_ROLE_IN_REACH}) or ({_grants('manager')} and rule:domain_managed_target_role)"
)

_OWNS_CREDENTIAL = "user_id:%(target.credential.user_id)s"
_TRUSTOR, _TRUSTEE = "user_id:%(target.trust.trustor_user_id)s", "user_id:%(target.trust.trustee_user_id)s"

_RULES: Rules = {
    **policy_extensions.RULES,
    **policy_logins.RULES,
    "get_domain": (f"{ADMIN_OR_READER} or domain_id:%(target.domain.id)s or project_domain_id:%(target.domain.id)s", ANY),
    "list_domains": (_reads("target.domain.id"), ANY),
    **{f"{verb}_domain": (ADMIN, GLOBAL) for verb in ("create", "update", "delete")},
    "get_project": (_READS_PROJECT, ANY),
    "list_projects": (_reads("target.domain_id"), ANY),
    "list_user_projects": (f"{_reads('target.user.domain_id')} or user_id:%(target.user.id)s", ANY),
    **{f"{verb}_project": (_manages("target.project.domain_id"), ANY) for verb in ("create", "update", "delete")},
    "list_project_tags": (_READS_PROJECT, ANY),
    "get_project_tag": (_READS_PROJECT, ANY),
    **{
        rule: (_manages("target.project.domain_id"), ANY)
        for rule in ("update_project_tags", "create_project_tag", "delete_project_tags", "delete_project_tag")
    },
    "get_user": (f"{_reads('target.user.domain_id')} or user_id:%(target.user.id)s", ANY),
    "list_users": (_reads("target.domain_id"), ANY),
    **{f"{verb}_user": (_manages("target.user.domain_id"), ANY) for verb in ("create", "update", "delete")},
    "get_group": (_reads("target.group.domain_id"), ANY),
    "list_groups": (_reads("target.group.domain_id"), ANY),
    "list_groups_for_user": (f"{_reads('target.user.domain_id')} or user_id:%(user_id)s", ANY),
    **{f"{verb}_group": (_manages("target.group.domain_id"), ANY) for verb in ("create", "update", "delete")},
    "list_users_in_group": (_reads("target.group.domain_id"), ANY),
    "check_user_in_group": (_READS_MEMBERSHIP, ANY),
    "add_user_to_group": (_MANAGES_MEMBERSHIP, ANY),
    "remove_user_from_group": (_MANAGES_MEMBERSHIP, ANY),
    "get_role": (f"{ADMIN_OR_READER} or (role:manager and rule:domain_managed_target_role)", ANY),
    "list_roles": (f"{ADMIN_OR_READER} or (role:manager and not domain_id:None)", ANY),
    "get_domain_role": (ADMIN_OR_READER, GLOBAL),
    "list_domain_roles": (ADMIN_OR_READER, GLOBAL),
    **{f"{verb}_{kind}": (ADMIN, GLOBAL) for verb in ("create", "update", "delete") for kind in ("role", "domain_role")},
    **{
        rule: (ADMIN_OR_READER, GLOBAL)
        for rule in ("get_implied_role", "list_implied_roles", "check_implied_role", "list_role_inference_rules")
    },
    "create_implied_role": (ADMIN, GLOBAL),
    "delete_implied_role": (ADMIN, GLOBAL),
    "list_role_assignments": (_reads("target.domain_id"), ANY),
    "list_role_assignments_for_tree": (_reads("target.domain_id"), ANY),
    "check_grant": (f"{ADMIN_OR_READER} or ({_grants('reader')} and {_ROLE_IN_REACH})", ANY),
    "list_grants": (f"{ADMIN_OR_READER} or {_grants('reader')}", ANY),
    "create_grant": (_CHANGES_GRANTS, ANY),
    "revoke_grant": (_CHANGES_GRANTS, ANY),
    **{
        f"{verb}_for_{actor}": (ADMIN_OR_READER, GLOBAL)
        for verb in ("list_system_grants", "check_system_grant")
        for actor in ("user", "group")
    },
    **{
        f"{verb}_for_{actor}": (ADMIN, GLOBAL)
        for verb in ("create_system_grant", "revoke_system_grant")
        for actor in ("user", "group")
    },
    **{f"get_{kind}": (ADMIN_OR_READER, GLOBAL) for kind in ("service", "endpoint", "policy")},
    **{f"list_{kind}": (ADMIN_OR_READER, GLOBAL) for kind in ("services", "endpoints", "policies")},
    **{
        f"{verb}_{kind}": (ADMIN, GLOBAL)
        for kind in ("service", "endpoint", "region", "policy")
        for verb in ("create", "update", "delete")
    },
    "get_credential": (f"{ADMIN_OR_READER} or {_OWNS_CREDENTIAL}", ANY),
    "list_credentials": (f"{ADMIN_OR_READER} or {_OWNS_CREDENTIAL}", ANY),
    **{f"{verb}_credential": (f"{ADMIN} or {_OWNS_CREDENTIAL}", ANY) for verb in ("create", "update", "delete")},
    "create_trust": (_TRUSTOR, ("project",)),
    "list_trusts": (ADMIN_OR_READER, GLOBAL),
    "list_trusts_for_trustor": (f"{ADMIN_OR_READER} or {_TRUSTOR}", GLOBAL),
    "list_trusts_for_trustee": (f"{ADMIN_OR_READER} or {_TRUSTEE}", GLOBAL),
    "delete_trust": (f"{ADMIN} or {_TRUSTOR}", GLOBAL),
    **{
        rule: (f"{ADMIN_OR_READER} or {_TRUSTOR} or {_TRUSTEE}", GLOBAL)
        for rule in ("get_trust", "list_roles_for_trust", "get_role_for_trust")
    },
    "get_region": ("", ANY),
    "list_regions": ("", ANY),
    "check_token": (f"{ADMIN_OR_READER} or {SUBJECT}", ANY),
    "validate_token": (f"{ADMIN_OR_READER} or rule:service_role or {SUBJECT}", ANY),
    "revoke_token": (f"{ADMIN} or {SUBJECT}", ANY),
    **{f"get_auth_{what}": ("", None) for what in ("catalog", "projects", "domains", "system")},
}

DEFAULTS: dict[str, Default] = {
    "domain_managed_target_role": Default(
        "'manager':%(target.role.name)s or 'member':%(target.role.name)s or 'reader':%(target.role.name)s"
    ),
    # Names that operators' policy files refer to.
    "token_subject": Default(SUBJECT),
    "admin_or_token_subject": Default("rule:admin_required or rule:token_subject"),
    "service_admin_or_token_subject": Default("rule:service_or_admin or rule:token_subject"),
    **{f"identity:{name}": Default(rule, scopes) for name, (rule, scopes) in _RULES.items()},
}
