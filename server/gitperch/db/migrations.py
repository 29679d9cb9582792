"""Forward-only migrations: `NNNN_name.sql`, one transaction each, a namespace per plugin."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch.db.connections import Database

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_TABLE = """CREATE TABLE IF NOT EXISTS migrations (
  namespace TEXT NOT NULL, version INTEGER NOT NULL, name TEXT NOT NULL, applied_at REAL NOT NULL,
  PRIMARY KEY (namespace, version)) STRICT"""


async def migrate(db: Database, namespace: str, folder: Path) -> list[str]:
    """Apply what is missing of `folder`, in order; the names applied. Raises ValueError for a file name out of form."""
    await db.script(_TABLE)
    applied = {
        row["version"] for row in await db.rows("SELECT version FROM migrations WHERE namespace = ?", (namespace,))
    }
    done = []
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if not match:
            raise ValueError(f"{path} is no migration: its name has to be NNNN_name.sql.")
        version = int(match[1])
        if version in applied:
            continue
        record = f"INSERT INTO migrations VALUES ('{namespace}', {version}, '{path.name}', {time.time()});"  # noqa: S608 -- our own names
        await db.script(f"BEGIN IMMEDIATE;\n{path.read_text('utf-8')}\n{record}\nCOMMIT;")
        done.append(path.name)
    return done
