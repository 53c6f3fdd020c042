CREATE TABLE rows (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    task TEXT NOT NULL,
    value TEXT NOT NULL
);
CREATE INDEX rows_by_kind ON rows (kind, id);
CREATE INDEX rows_by_task ON rows (task, id);

CREATE TABLE applications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    task TEXT NOT NULL,
    goal TEXT NOT NULL,
    patch TEXT NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0,
    -- 0 until its first write is done: an application that was rolled back never happened.
    made INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE writes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    application INTEGER NOT NULL REFERENCES applications (id),
    direction TEXT NOT NULL,
    patch TEXT NOT NULL,
    token TEXT NOT NULL,
    state TEXT NOT NULL
);
CREATE INDEX writes_by_state ON writes (state, id);
CREATE INDEX writes_by_application ON writes (application, id);

-- File contents, compressed, once for each digest.
CREATE TABLE contents (
    digest TEXT PRIMARY KEY,
    content BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE bases (
    write INTEGER NOT NULL REFERENCES writes (id),
    path TEXT NOT NULL,
    digest TEXT NOT NULL REFERENCES contents (digest),
    PRIMARY KEY (write, path)
) WITHOUT ROWID;
