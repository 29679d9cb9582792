-- Whose a host name was last. What an app has left in a browser (a service worker sees every request of its origin) stays there when the
-- branch goes, so a name never goes to another repository, unless that has taken the place of the one before: of the same owner and site.
CREATE TABLE preview_names (
  label TEXT PRIMARY KEY,
  repo_id INTEGER NOT NULL,              -- no references: a name outlives its repository
  owner_id INTEGER NOT NULL,
  site TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO preview_names SELECT h.label, h.repo_id, r.owner_id, s.label
  FROM preview_hosts h JOIN repositories r ON r.id = h.repo_id JOIN preview_sites s USING (repo_id);
