-- Version 2, with a run in it.
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    -- Seen from the folder of records.
    name TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    -- Which reader read it. Another one reads it again.
    reader TEXT NOT NULL,
    -- Why it is no record.
    error TEXT
);
CREATE TABLE fingerprints (id INTEGER PRIMARY KEY, facts TEXT NOT NULL UNIQUE);
CREATE TABLE subjects (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    scenario TEXT NOT NULL,
    dispatch TEXT NOT NULL,
    settings TEXT NOT NULL,
    UNIQUE (scenario, dispatch, kind, settings)
);
CREATE TABLE revisions (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    file INTEGER NOT NULL REFERENCES files ON DELETE CASCADE,
    place INTEGER NOT NULL,
    record TEXT NOT NULL,
    at_s INTEGER NOT NULL,
    is_dated INTEGER NOT NULL,
    subject INTEGER NOT NULL REFERENCES subjects,
    fingerprint INTEGER NOT NULL REFERENCES fingerprints,
    revision INTEGER REFERENCES revisions,
    role TEXT,
    trials INTEGER NOT NULL,
    standing TEXT NOT NULL,
    reason TEXT,
    UNIQUE (file, place)
);
CREATE INDEX runs_by_time ON runs (at_s);
CREATE INDEX runs_by_subject ON runs (subject, at_s);
CREATE TABLE figures (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE figure_values (
    run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    figure INTEGER NOT NULL REFERENCES figures,
    value REAL NOT NULL,
    PRIMARY KEY (run, figure)
) WITHOUT ROWID;
CREATE INDEX runs_by_revision ON runs (revision, at_s);
CREATE INDEX runs_by_fingerprint ON runs (fingerprint, at_s);
INSERT INTO files VALUES (1, 'a.json', 10, 20, 'old', NULL);
INSERT INTO fingerprints VALUES (1, '{"kernel":"6.1"}');
INSERT INTO subjects VALUES (1, 'run', 'stream', 'message/crossbeam', '{}');
INSERT INTO revisions VALUES (1, 'abc');
INSERT INTO runs VALUES (1, 1, 0, 'a', 30, 1, 1, 1, 1, NULL, 3, 'failed', NULL);
INSERT INTO figures VALUES (1, 'p99');
INSERT INTO figure_values VALUES (1, 1, 1000.0);
PRAGMA application_id = 0x6472756d;
PRAGMA user_version = 2;
