"""What alembic runs: on the connection it is given, in the transaction around it."""

# SPDX-License-Identifier: Apache-2.0
from alembic import context

from pileus.core.db import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
