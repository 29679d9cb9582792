-- A host name is looked up here, never parsed: the first part of BRANCH-SITE.DOMAIN is `label`.
CREATE TABLE preview_sites (
  repo_id INTEGER PRIMARY KEY REFERENCES repositories ON DELETE CASCADE,
  label TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE preview_hosts (
  label TEXT PRIMARY KEY,
  repo_id INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
  branch TEXT NOT NULL,
  oid TEXT NOT NULL DEFAULT '',          -- the commit that was last announced
  state TEXT NOT NULL DEFAULT '',        -- ready, or '': nothing to show
  UNIQUE (repo_id, branch)
) STRICT, WITHOUT ROWID;

-- Passes that have been used; one is good for a single entry.
CREATE TABLE preview_passes (
  nonce TEXT PRIMARY KEY,
  expires_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
