"""The database: SQLite with one writer and pooled readers. Nothing slow happens inside a transaction."""

from gitperch.db.connections import Database, Row, Transaction
from gitperch.db.migrations import migrate

__all__ = ["Database", "Row", "Transaction", "migrate"]
