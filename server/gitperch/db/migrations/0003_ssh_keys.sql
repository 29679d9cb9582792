-- A key stands for a person, or for one repository (a deploy key).
CREATE TABLE ssh_keys (
  id INTEGER PRIMARY KEY,
  title TEXT NOT NULL,
  fingerprint TEXT NOT NULL UNIQUE,      -- SHA256:…, as ssh-keygen -l prints it
  text TEXT NOT NULL,                    -- kind and Base64, as authorized_keys has them
  user_id INTEGER REFERENCES users ON DELETE CASCADE,
  repo_id INTEGER REFERENCES repositories ON DELETE CASCADE,
  rank INTEGER NOT NULL CHECK (rank BETWEEN 1 AND 3),  -- what it allows at most: read, write, all that its person may
  added_by INTEGER REFERENCES users ON DELETE SET NULL,
  created_at REAL NOT NULL,
  used_at REAL,
  CHECK ((user_id IS NULL) <> (repo_id IS NULL))
) STRICT;
CREATE INDEX ssh_keys_user ON ssh_keys (user_id);
CREATE INDEX ssh_keys_repo ON ssh_keys (repo_id);
CREATE INDEX ssh_keys_added_by ON ssh_keys (added_by);
