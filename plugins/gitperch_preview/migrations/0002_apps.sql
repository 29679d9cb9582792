-- One commit of one branch that gets a place. An id is never used twice: it names everything that is made for it.
CREATE TABLE preview_deployments (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  repo_id INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
  branch TEXT NOT NULL,
  oid TEXT NOT NULL,
  runner TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued', 'building', 'starting', 'ready', 'sleeping', 'failed', 'stopped')),
  problem TEXT NOT NULL DEFAULT '',      -- a sentence for the person who pushed
  recipe TEXT NOT NULL,                  -- JSON
  source TEXT NOT NULL,                  -- how its commit came: push, import, …
  actor TEXT NOT NULL DEFAULT '',        -- a user's name; '' where nobody is known
  secrets INTEGER NOT NULL DEFAULT 0,    -- whether it may have what is kept for its repository
  built INTEGER NOT NULL DEFAULT 0,      -- whether it can be started without a build
  command INTEGER NOT NULL DEFAULT 0,    -- which of its recipe's commands stayed up
  handle TEXT NOT NULL DEFAULT '',       -- JSON: by which its runner finds the app again
  sealed BLOB NOT NULL DEFAULT x'',      -- what it was given, by the vault: its log stays masked when settings change
  created_at REAL NOT NULL,
  building_at REAL,
  starting_at REAL,
  ready_at REAL,
  ended_at REAL
) STRICT;
CREATE INDEX preview_deployments_branch ON preview_deployments (repo_id, branch, id);

-- The branches that have an app: the deployment of their newest commit, and the one whose version answers, or would if it was woken.
CREATE TABLE preview_apps (
  repo_id INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
  branch TEXT NOT NULL,
  newest INTEGER NOT NULL REFERENCES preview_deployments ON DELETE CASCADE,
  serving INTEGER REFERENCES preview_deployments ON DELETE SET NULL,
  visited_at REAL NOT NULL,
  PRIMARY KEY (repo_id, branch)
) STRICT, WITHOUT ROWID;
CREATE INDEX preview_apps_newest ON preview_apps (newest);
CREATE INDEX preview_apps_serving ON preview_apps (serving);

-- Branches that were pushed before there were apps are looked at again; what is one of them waits for its first visitor.
UPDATE preview_hosts SET oid = '?';
