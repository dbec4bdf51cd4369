"""Options a domain may have of its own, under Keystone's names. Pure.

`SECRET` ones can be set and are never shown. A domain whose `identity.driver` is `ldap` has its users and groups there.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

Options = dict[str, dict[str, Any]]

#: group → option → what it is when a domain does not say.
DEFAULTS: Options = {
    "identity": {"driver": "sql", "list_limit": None},
    "ldap": {
        "url": "ldap://localhost",
        "user": None,
        "suffix": "cn=example,cn=com",
        "query_scope": "one",
        "page_size": 0,
        "alias_dereferencing": "default",
        "debug_level": None,
        "chase_referrals": None,
        "user_tree_dn": None,
        "user_filter": None,
        "user_objectclass": "inetOrgPerson",
        "user_id_attribute": "cn",
        "user_name_attribute": "sn",
        "user_mail_attribute": "mail",
        "user_description_attribute": "description",
        "user_pass_attribute": "userPassword",
        "user_enabled_attribute": "enabled",
        "user_enabled_invert": False,
        "user_enabled_mask": 0,
        "user_enabled_default": "True",
        "user_attribute_ignore": ["default_project_id"],
        "user_default_project_id_attribute": None,
        "user_enabled_emulation": False,
        "user_enabled_emulation_dn": None,
        "user_enabled_emulation_use_group_config": False,
        "user_additional_attribute_mapping": [],
        "group_tree_dn": None,
        "group_filter": None,
        "group_objectclass": "groupOfNames",
        "group_id_attribute": "cn",
        "group_name_attribute": "ou",
        "group_members_are_ids": False,
        "group_member_attribute": "member",
        "group_desc_attribute": "description",
        "group_attribute_ignore": [],
        "group_additional_attribute_mapping": [],
        "group_ad_nesting": False,
        "tls_cacertfile": None,
        "tls_cacertdir": None,
        "use_tls": False,
        "tls_req_cert": "demand",
        "connection_timeout": -1,
        "use_pool": True,
        "pool_size": 10,
        "pool_retry_max": 3,
        "pool_retry_delay": 0.1,
        "pool_connection_timeout": -1,
        "pool_connection_lifetime": 600,
        "use_auth_pool": True,
        "auth_pool_size": 100,
        "auth_pool_connection_lifetime": 60,
    },
}
#: What every user may read: what a password must be like. The same for all domains, so it is read of the default one only.
COMPLIANCE = "security_compliance"
READABLE = ("password_regex", "password_regex_description")
SECRET: dict[str, frozenset[str]] = {"ldap": frozenset({"password"})}


def known(group: str, option: str | None = None) -> bool:
    return group in DEFAULTS and (option is None or option in DEFAULTS[group] or option in SECRET.get(group, ()))


def merged(old: Options, new: Options) -> Options:
    """`old` with the options of `new` on top."""
    return {g: old.get(g, {}) | new.get(g, {}) for g in (*old, *(g for g in new if g not in old))}


def parted(options: Options) -> tuple[Options, Options]:
    """(what may be shown, what may not)."""
    secret = {g: {o: v for o, v in found.items() if o in SECRET.get(g, ())} for g, found in options.items()}
    shown = {g: {o: v for o, v in found.items() if o not in SECRET.get(g, ())} for g, found in options.items()}
    return shown, {g: found for g, found in secret.items() if found}


def only(options: Options, group: str | None, option: str | None) -> Any:
    """A part of the options in the form the API shows it: all, `{group: …}`, or `{option: …}`. None: there is no such part."""
    if group is None:
        return options or None
    if group not in options or (option is not None and option not in options[group]):
        return None
    return {group: options[group]} if option is None else {option: options[group][option]}


def without(options: Options, group: str, option: str | None) -> Options:
    """The options less a group, or less one option of it; a group of nothing goes too."""
    rest = {g: {o: v for o, v in found.items() if g != group or option not in (None, o)} for g, found in options.items()}
    return {g: found for g, found in rest.items() if found}
