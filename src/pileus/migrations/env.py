"""What alembic runs: on the connection it is given, in the transaction around it."""

# SPDX-License-Identifier: Apache-2.0
from typing import Any, Literal

from alembic import context

from pileus.core.db import METADATA


def render(kind: str, item: Any, autogen_context: object) -> str | Literal[False]:
    """Our own column types as what the database has: a migration must mean the same when the classes have changed."""
    plain = {"Time": "sa.String(27)", "Json": "sa.Text().with_variant(sa.Text(1 << 20), 'mysql', 'mariadb')"}
    return plain.get(type(item).__name__, False) if kind == "type" else False


context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True, render_item=render)
with context.begin_transaction():
    context.run_migrations()
