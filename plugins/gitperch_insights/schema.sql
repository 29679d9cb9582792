-- One file for each repository. Everything here can be counted again from the history; a file of another version is thrown away.

-- `base` is the commit up to which everything is counted, `target` the one that is being counted up to, of whose `total` commits
-- `done` are. `changes` grows whenever an answer may change.
CREATE TABLE state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  base TEXT,
  target TEXT,
  done INTEGER NOT NULL DEFAULT 0,
  total INTEGER NOT NULL DEFAULT 0,
  boundary TEXT NOT NULL DEFAULT '',
  mailmap TEXT NOT NULL DEFAULT '',
  changes INTEGER NOT NULL DEFAULT 0
);
INSERT INTO state (id) VALUES (1);

CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, email TEXT NOT NULL);
CREATE TABLE identities (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  email TEXT NOT NULL,
  person INTEGER,
  UNIQUE (name, email)
);
CREATE INDEX identity_person ON identities (person);
CREATE TABLE files (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE);

-- `unread` commits are those whose changes git could not tell; `tracked` and `reworked` are lines in `by_file`.
CREATE TABLE days (
  day INTEGER PRIMARY KEY,
  commits INTEGER NOT NULL,
  merges INTEGER NOT NULL,
  added INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  unread INTEGER NOT NULL,
  tracked INTEGER NOT NULL DEFAULT 0,
  reworked INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE by_author (
  period INTEGER NOT NULL,
  author INTEGER NOT NULL,
  commits INTEGER NOT NULL,
  merges INTEGER NOT NULL,
  added INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  PRIMARY KEY (period, author)
) WITHOUT ROWID;
-- The first and the last day of an author.
CREATE INDEX by_author_day ON by_author (author, period) WHERE period < 100000;
-- How many commits fall into a cell: an hour of the week, or a size.
CREATE TABLE by_cell (
  period INTEGER NOT NULL,
  cell INTEGER NOT NULL,
  commits INTEGER NOT NULL,
  PRIMARY KEY (period, cell)
) WITHOUT ROWID;
CREATE TABLE by_file (
  period INTEGER NOT NULL,
  file INTEGER NOT NULL,
  changes INTEGER NOT NULL,
  added INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  PRIMARY KEY (period, file)
) WITHOUT ROWID;

-- Days whose rework has to be counted again.
CREATE TABLE stale (day INTEGER PRIMARY KEY);
