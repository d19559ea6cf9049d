"""Every table there is, gathered in `metadata`: for migrations and for tests that look at all of them."""

from gateway.store import (
    dispute_tables,
    health_tables,
    identity_tables,
    operator_tables,
    profile_tables,
    rollup_tables,
    sealing_tables,
    submission_tables,
    tables,
)

metadata = tables.metadata
TABLES = (
    tables,
    dispute_tables,
    health_tables,
    identity_tables,
    submission_tables,
    profile_tables,
    rollup_tables,
    sealing_tables,
    operator_tables,
)
"""The modules that define them."""
