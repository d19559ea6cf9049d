"""Everything durable: over SQLAlchemy for SQLite and PostgreSQL, and in memory under the same contract."""

from gateway.store.database import Database
from gateway.store.memory import MemoryStore
from gateway.store.sql import SqlStore

__all__ = ["Database", "MemoryStore", "SqlStore"]
