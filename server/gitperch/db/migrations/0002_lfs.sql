-- What Git LFS keeps: bytes below DATA/lfs/OWNER_ID/, each file once for each owner.
CREATE TABLE lfs_objects (
  owner_id INTEGER NOT NULL,             -- no reference: bytes may outlive their owner until they are swept up
  oid TEXT NOT NULL,                     -- SHA-256 in hex
  size INTEGER NOT NULL,
  PRIMARY KEY (owner_id, oid)
) STRICT, WITHOUT ROWID;

-- Knowing an oid proves nothing: a repository has the objects that are linked here, whatever its owner has besides.
CREATE TABLE lfs_links (
  repo_id INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
  oid TEXT NOT NULL,
  owner_id INTEGER NOT NULL,             -- whose folder the bytes are in
  PRIMARY KEY (repo_id, oid),
  FOREIGN KEY (owner_id, oid) REFERENCES lfs_objects
) STRICT, WITHOUT ROWID;
CREATE INDEX lfs_links_object ON lfs_links (owner_id, oid);

CREATE TABLE lfs_locks (
  id INTEGER PRIMARY KEY AUTOINCREMENT,  -- pages of a listing go by it
  repo_id INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
  path TEXT NOT NULL,
  user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
  locked_at REAL NOT NULL,
  UNIQUE (repo_id, path)
) STRICT;
CREATE INDEX lfs_locks_user ON lfs_locks (user_id);
