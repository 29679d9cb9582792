-- Links that let anybody see one preview for a while. They go with the preview's name, and with the person who made them.
CREATE TABLE preview_shares (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  label TEXT NOT NULL REFERENCES preview_hosts ON DELETE CASCADE,
  repo_id INTEGER NOT NULL,
  user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
  created_at REAL NOT NULL,
  expires_at REAL NOT NULL
) STRICT;
CREATE INDEX preview_shares_label ON preview_shares (label);
CREATE INDEX preview_shares_user ON preview_shares (user_id);
