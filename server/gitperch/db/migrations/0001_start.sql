CREATE TABLE users (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE COLLATE NOCASE,
  password TEXT,                         -- scrypt, or NULL: nobody can sign in with a password
  is_admin INTEGER NOT NULL DEFAULT 0,
  created_at REAL NOT NULL
) STRICT;

CREATE TABLE browser_sessions (
  hash BLOB PRIMARY KEY,                 -- SHA-256 of the cookie
  user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
  created_at REAL NOT NULL,
  expires_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX browser_sessions_user ON browser_sessions (user_id);

CREATE TABLE repositories (
  id INTEGER PRIMARY KEY AUTOINCREMENT,  -- names the folder on disk, so an id is never used twice
  owner_id INTEGER NOT NULL REFERENCES users,
  name TEXT NOT NULL COLLATE NOCASE,
  description TEXT NOT NULL DEFAULT '',
  private INTEGER NOT NULL DEFAULT 1,
  open_previews INTEGER NOT NULL DEFAULT 0,
  created_at REAL NOT NULL,
  pushed_at REAL,
  UNIQUE (owner_id, name)
) STRICT;

CREATE TABLE collaborators (
  repo_id INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
  user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
  permission TEXT NOT NULL CHECK (permission IN ('read', 'write', 'admin')),
  PRIMARY KEY (repo_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX collaborators_user ON collaborators (user_id);

CREATE TABLE tokens (
  id INTEGER PRIMARY KEY,
  user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
  name TEXT NOT NULL,
  hash BLOB NOT NULL UNIQUE,             -- SHA-256; a token has 160 random bits, so a slow hash would add nothing
  last_eight TEXT NOT NULL,
  scopes TEXT NOT NULL,                  -- separated by blanks
  repo_id INTEGER REFERENCES repositories ON DELETE CASCADE,
  created_at REAL NOT NULL,
  expires_at REAL,
  used_at REAL
) STRICT;
CREATE INDEX tokens_user ON tokens (user_id);
CREATE INDEX tokens_repo ON tokens (repo_id);

-- The refs that plugins have been told about. What differs from the refs on disk has yet to become an event.
CREATE TABLE repo_refs (
  repo_id INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
  name TEXT NOT NULL,
  oid TEXT NOT NULL,
  PRIMARY KEY (repo_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  repo_id INTEGER NOT NULL,              -- no reference: an event outlives its repository
  kind TEXT NOT NULL,
  payload TEXT NOT NULL,
  at REAL NOT NULL
) STRICT;
CREATE INDEX events_repo ON events (repo_id, id);
CREATE INDEX events_at ON events (at);

CREATE TABLE deliveries (
  plugin TEXT NOT NULL,
  repo_id INTEGER NOT NULL,
  event_id INTEGER NOT NULL REFERENCES events ON DELETE CASCADE,
  state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'failed')),  -- a delivered one is deleted
  attempts INTEGER NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (plugin, repo_id, event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_event ON deliveries (event_id);
