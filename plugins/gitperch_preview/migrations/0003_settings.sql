-- What previews find in their environment. `sealed` is AES-256-GCM, for this row alone (vault/sealing.py).
CREATE TABLE preview_settings (
  id INTEGER PRIMARY KEY,
  repo_id INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
  scope TEXT NOT NULL,                   -- preview; what production gets will be another
  name TEXT NOT NULL,
  secret INTEGER NOT NULL,               -- 1: never shown again
  sealed BLOB NOT NULL,
  set_by TEXT NOT NULL,                  -- a person, or '': the command line
  set_at REAL NOT NULL,
  UNIQUE (repo_id, scope, name)
) STRICT;

-- Who changed what; never a value.
CREATE TABLE preview_setting_changes (
  id INTEGER PRIMARY KEY,
  repo_id INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
  scope TEXT NOT NULL,
  name TEXT NOT NULL,
  what TEXT NOT NULL,                    -- set, removed
  by TEXT NOT NULL,
  at REAL NOT NULL
) STRICT;
CREATE INDEX preview_setting_changes_by_repository ON preview_setting_changes (repo_id, id);
