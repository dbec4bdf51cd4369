"""One LDAP directory: who is in it, who is in which group, and whether a password is somebody's.

Options are Keystone's (`domain_options`). ldap3 is loaded when the first directory is asked: it is the extra `ldap`. Every
call opens connections of its own and closes them, so a directory that was restarted is no special case.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from pileus.core.errors import Unavailable

#: Seconds a directory has to answer, unless `connection_timeout` says otherwise.
TIMEOUT_S = 10
PAGE = 500
_TRUE = frozenset({"true", "yes", "1", "on", "enabled"})
_FALSE = frozenset({"false", "no", "0", "off", "disabled", ""})


class DirectoryUnavailable(Unavailable):
    code, message = "identity.directory_unavailable", "The directory of this domain cannot be asked at the moment."


class _NotTheirs(Exception):
    """The directory says that this is not somebody's password."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that is a user. `local_id`: what the directory knows them by."""

    local_id: str
    dn: str
    name: str
    enabled: bool
    more: dict[str, str]


class Team(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that is a group. `members`: DNs in a form that can be compared, or local ids."""

    local_id: str
    name: str
    description: str
    members: frozenset[str]


class Ldap:
    """`options`: those of the group `ldap`, all of them."""

    def __init__(self, options: dict[str, Any]):
        self.options = options

    def people(self, name: str | None = None) -> list[Person]:
        """Everybody, or those of a name. Raises DirectoryUnavailable."""
        o = self.options
        wanted = [o["user_id_attribute"], o["user_name_attribute"], o["user_enabled_attribute"], *self._more()]
        named = f"({o['user_name_attribute']}={_escaped(name)})" if name is not None else ""
        with self._connection() as connection:
            enabled = self._emulation(connection)
            found = self._search(connection, o["user_tree_dn"], o["user_objectclass"], o["user_filter"], named, wanted)
            return [person for dn, entry in found if (person := self._person(dn, entry, enabled)) is not None]

    def teams(self, member: Person | None = None) -> list[Team]:
        """All groups, or those somebody is in."""
        o = self.options
        wanted = [o["group_id_attribute"], o["group_name_attribute"], o["group_desc_attribute"], o["group_member_attribute"]]
        about = "" if member is None else f"({o['group_member_attribute']}={_escaped(self._as_member(member))})"
        with self._connection() as connection:
            found = self._search(connection, o["group_tree_dn"], o["group_objectclass"], o["group_filter"], about, wanted)
            return [team for _, entry in found if (team := self._team(entry)) is not None]

    def proves(self, person: Person, password: str) -> bool:
        """Whether the password is theirs. An empty one never is: to LDAP it would mean "nobody in particular"."""
        if not password:
            return False
        try:
            with self._connection(person.dn, password):
                return True
        except _NotTheirs:
            return False

    def is_member(self, person: Person, team: Team) -> bool:
        return (person.local_id if self.options["group_members_are_ids"] else _dn(person.dn)) in team.members

    # ---- entries -----------------------------------------------------------------------------------------------------
    def _person(self, dn: str, entry: dict[str, Any], enabled: frozenset[str] | None) -> Person | None:
        o = self.options
        local_id, name = _first(entry, o["user_id_attribute"]), _first(entry, o["user_name_attribute"])
        if not local_id or not name:
            return None
        fine = _dn(dn) in enabled if enabled is not None else self._enabled(_first(entry, o["user_enabled_attribute"]))
        more = {key: value for attribute, key in self._more().items() if (value := _first(entry, attribute))}
        return Person(local_id=local_id, dn=dn, name=name, enabled=fine, more=more)

    def _enabled(self, said: str | None) -> bool:
        """By a flag, a bit that disables (`user_enabled_mask`, as Active Directory has it), or a flag that means the opposite.

        What is neither true nor false disables: the word "FALSE" once did not (OSSA-2026-007).
        """
        o = self.options
        value = str(o["user_enabled_default"] if said is None else said).strip()
        if mask := int(o["user_enabled_mask"] or 0):
            return value.lstrip("-").isdecimal() and not int(value) & mask
        if o["user_enabled_invert"]:
            return (said or "").strip().lower() in _FALSE
        return value.lower() in _TRUE

    def _emulation(self, connection: Any) -> frozenset[str] | None:
        """Who is enabled by being in the group that says so; None when that is not how it is said."""
        from ldap3 import BASE

        o = self.options
        if not o["user_enabled_emulation"]:
            return None
        dn = o["user_enabled_emulation_dn"] or f"cn=enabled_users,{o['user_tree_dn'] or 'ou=Users,' + o['suffix']}"
        attribute = o["group_member_attribute"] if o["user_enabled_emulation_use_group_config"] else "member"
        connection.search(dn, "(objectClass=*)", search_scope=BASE, attributes=[attribute])
        found = [e["attributes"] for e in connection.response or [] if e["type"] == "searchResEntry"]
        return frozenset(_dn(member) for entry in found for member in _values(entry, attribute))

    def _team(self, entry: dict[str, Any]) -> Team | None:
        o = self.options
        local_id, name = _first(entry, o["group_id_attribute"]), _first(entry, o["group_name_attribute"])
        if not local_id or not name:
            return None
        members = _values(entry, o["group_member_attribute"])
        return Team(
            local_id=local_id,
            name=name,
            description=_first(entry, o["group_desc_attribute"]) or "",
            members=frozenset(members if o["group_members_are_ids"] else map(_dn, members)),
        )

    def _as_member(self, person: Person) -> str:
        return person.local_id if self.options["group_members_are_ids"] else person.dn

    def _more(self) -> dict[str, str]:
        """Attribute → what it is called here."""
        o = self.options
        pairs = dict(pair.split(":", 1) for pair in o["user_additional_attribute_mapping"] or [] if ":" in pair)
        return {o["user_mail_attribute"]: "email", o["user_description_attribute"]: "description"} | pairs

    # ---- speaking LDAP -----------------------------------------------------------------------------------------------
    @contextmanager
    def _connection(self, dn: str | None = None, password: str | None = None) -> Iterator[Any]:
        """A bound connection: as the configured user, or as the one named, then _NotTheirs says that it was not their password."""
        from ldap3 import AUTO_BIND_NO_TLS, AUTO_BIND_TLS_BEFORE_BIND, NONE, Connection, Server, Tls
        from ldap3.core import exceptions as refused
        from ldap3.core.exceptions import LDAPException

        not_theirs = (
            refused.LDAPBindError,
            refused.LDAPInvalidCredentialsResult,
            refused.LDAPInappropriateAuthenticationResult,
            refused.LDAPInsufficientAccessRightsResult,
            refused.LDAPUnwillingToPerformResult,
            refused.LDAPConstraintViolationResult,
            refused.LDAPNoSuchObjectResult,
        )

        o = self.options
        timeout = max(0, int(o["connection_timeout"] or 0)) or TIMEOUT_S
        checks = {"never": ssl.CERT_NONE, "allow": ssl.CERT_OPTIONAL}.get(o["tls_req_cert"], ssl.CERT_REQUIRED)
        tls = Tls(validate=checks, ca_certs_file=o["tls_cacertfile"], ca_certs_path=o["tls_cacertdir"])
        try:
            server = Server(o["url"], get_info=NONE, connect_timeout=timeout, tls=tls)
            connection = Connection(
                server,
                user=dn if dn is not None else o["user"],
                password=password if dn is not None else o.get("password"),
                auto_bind=AUTO_BIND_TLS_BEFORE_BIND if o["use_tls"] else AUTO_BIND_NO_TLS,
                read_only=True,
                auto_referrals=bool(o["chase_referrals"]),
                receive_timeout=timeout,
                raise_exceptions=True,  # or half an answer would look like a whole one
            )
        except not_theirs as problem:
            raise (_NotTheirs() if dn is not None else DirectoryUnavailable(detail=str(problem))) from problem
        except (LDAPException, OSError, ValueError) as problem:
            raise DirectoryUnavailable(detail=str(problem)) from problem
        try:
            yield connection
        except LDAPException as problem:
            raise DirectoryUnavailable(detail=str(problem)) from problem
        finally:
            connection.unbind()

    def _search(
        self, connection: Any, tree: str | None, kind: str, more: str | None, about: str, wanted: list[str]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """(DN, attributes) of each entry of a kind below a tree."""
        from ldap3 import LEVEL, SUBTREE

        o = self.options
        extra = more if not more or more.startswith("(") else f"({more})"
        found = connection.extend.standard.paged_search(
            tree or o["suffix"],
            f"(&(objectClass={kind}){extra or ''}{about})",
            search_scope=SUBTREE if o["query_scope"] == "sub" else LEVEL,
            attributes=sorted({name for name in wanted if name}),
            paged_size=int(o["page_size"] or 0) or PAGE,
            generator=True,
        )
        for entry in found:
            if entry["type"] == "searchResEntry":
                yield entry["dn"], entry["attributes"]


def _escaped(text: str) -> str:
    from ldap3.utils.conv import escape_filter_chars

    return escape_filter_chars(text)


def _dn(text: str) -> str:
    """A DN in a form that can be compared: directories do not look at case, nor at blanks around commas."""
    from ldap3.core.exceptions import LDAPInvalidDnError
    from ldap3.utils.dn import safe_dn

    try:
        return safe_dn(text).lower()
    except LDAPInvalidDnError:
        return text.lower()


def _values(entry: Any, attribute: str | None) -> list[str]:
    """The values of an attribute, as text."""
    found: Any = next((v for k, v in entry.items() if attribute and k.lower() == attribute.lower()), [])
    values = found if isinstance(found, list) else [found]
    return [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values if v is not None]


def _first(entry: Any, attribute: str | None) -> str | None:
    values = _values(entry, attribute)
    return values[0] if values else None
