"""What a list of images is asked for, as SQL."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import operator
from typing import Any

import msgspec
import sqlalchemy as sa

from pileus.core.context import EVERYONE
from pileus.core.db import row
from pileus.image.model import COMMUNITY, PUBLIC, SHARED, Condition, Wanted
from pileus.image.store.tables import images, labels, members

OPERATORS = {"eq": operator.eq, "neq": operator.ne, "lt": operator.lt, "lte": operator.le, "gt": operator.gt, "gte": operator.ge}


def reachable(project: sa.ColumnElement | str | None) -> sa.ColumnElement[bool]:
    """Images that exist for a project at all: its own, and what others let it use."""
    return sa.or_(images.c.owner == project, images.c.visibility.in_((PUBLIC, COMMUNITY)), _shared_with(project, None))


def listed(wanted: Wanted, scope: str | None, project_id: str | None) -> sa.Select:
    """One page of the images that `scope` sees, from the point of view of `project_id`."""
    stmt = sa.select(images).where(_seen(wanted, scope, project_id), *(_condition(c) for c in wanted.conditions))
    for tag in wanted.tags:
        stmt = stmt.where(_labeled(label("tag", tag)))
    for name, value in wanted.properties:
        stmt = stmt.where(_labeled(label("property", name, value)))
    if wanted.after is not None:
        stmt = stmt.where(behind(images, wanted.after, wanted.sort))
    return in_order(stmt, images, wanted.sort).limit(wanted.limit)


def _seen(wanted: Wanted, scope: str | None, project_id: str | None) -> sa.ColumnElement[bool]:
    """Images of the list. Written so that no index serves it: with one, SQLite would gather all that is seen and sort it for a
    page of 25, instead of walking the newest ones until the page is full."""
    own = sa.false() if project_id is None else sa.func.coalesce(images.c.owner, "") == project_id
    visibility = sa.func.coalesce(images.c.visibility, "")
    if scope == EVERYONE:
        seen: sa.ColumnElement[bool] = sa.true()
    else:
        seen = sa.or_(own, visibility.in_((PUBLIC, COMMUNITY)), _shared_with(project_id, wanted.member_status))
    if wanted.visibility is None:
        # Anybody can make a community image: in lists they are shown to those who ask for them.
        return sa.and_(seen, sa.or_(own, visibility != COMMUNITY))
    if wanted.visibility == "all":
        return seen
    return sa.and_(seen, visibility == wanted.visibility)


def _shared_with(project_id: sa.ColumnElement | str | None, status: str | None) -> sa.ColumnElement[bool]:
    member = sa.exists().where(members.c.image_id == images.c.id, members.c.member_id == project_id)
    if status is not None:
        member = member.where(members.c.status == status)
    return sa.and_(images.c.visibility == SHARED, member)


def _condition(condition: Condition) -> sa.ColumnElement[bool]:
    column: Any = images.c[condition.field]
    if condition.operator == "in":
        return column.in_(condition.value)
    return OPERATORS[condition.operator](column, condition.value)


def label(kind: str, name: str, value: str = "") -> str:
    """What is stored of a tag or property to find it by."""
    return hashlib.sha256(msgspec.json.encode((kind, name, value))).hexdigest()


def _labeled(digest: str) -> sa.ColumnElement[bool]:
    return sa.exists().where(labels.c.image_id == images.c.id, labels.c.label == digest)


def in_order(stmt: sa.Select, table: sa.Table, sort: tuple[tuple[str, bool], ...]) -> sa.Select:
    """Sorted by (column, descending) of each key."""
    for key, descending in sort:
        column = _sortable(table.c[key])
        stmt = stmt.order_by(column.desc() if descending else column.asc())
    return stmt


def behind(table: sa.Table, last: msgspec.Struct, sort: tuple[tuple[str, bool], ...]) -> sa.ColumnElement[bool]:
    """Rows that come after `last`: greater in the first key, or equal in it and greater in the second, and so on."""
    values = row(last)
    alternatives: list[sa.ColumnElement[bool]] = []
    equal: list[sa.ColumnElement[bool]] = []
    for key, descending in sort:
        column, value = _sortable(table.c[key]), values[key]
        if value is None:
            value = _absent(table.c[key])
        alternatives.append(sa.and_(*equal, column < value if descending else column > value))
        equal.append(column == value)
    return sa.or_(*alternatives)


def _sortable(column: sa.Column) -> Any:
    """Databases disagree on where NULL goes: absent values count as the smallest."""
    return sa.func.coalesce(column, _absent(column)) if column.nullable else column


def _absent(column: sa.Column) -> int | str:
    return -1 if isinstance(column.type, sa.Integer) else ""
