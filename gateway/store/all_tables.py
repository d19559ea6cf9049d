"""Every table there is, gathered in `metadata`: for migrations and for tests that look at all of them."""

from gateway.store import submission_tables, tables

metadata = tables.metadata
TABLES = (tables, submission_tables)
"""The modules that define them."""
