"""Runs migrations over the connection that `gateway.store.migrate` hands in.

By hand: `alembic -x url=sqlite:///some.db revision --autogenerate -m "what changes"` writes the next migration.
"""

from alembic import context
from sqlalchemy import Connection, create_engine

from gateway.store.all_tables import metadata


def run(connection: Connection) -> None:
    """Migrate over that connection, in its transaction."""
    # SQLite cannot alter most things in place; batch mode copies the table, and does nothing elsewhere.
    context.configure(
        connection=connection, target_metadata=metadata, render_as_batch=True, compare_type=True
    )
    with context.begin_transaction():
        context.run_migrations()


handed_in = context.config.attributes.get("connection")
if handed_in is not None:
    run(handed_in)
else:
    with create_engine(context.get_x_argument(as_dictionary=True)["url"]).begin() as own:
        run(own)
