-- What each engine is known to hold. A row is written only after the engine said that the documents are stored,
-- so a lost process, a refused batch or a failed task leaves the file as "to do", never as "done".
CREATE SCHEMA IF NOT EXISTS search;

CREATE TABLE search.engine (
    engine      text PRIMARY KEY,
    generation  text NOT NULL
);

CREATE TABLE search.repository (
    engine         text   NOT NULL REFERENCES search.engine ON DELETE CASCADE,
    repository_id  bigint NOT NULL,
    name           text   NOT NULL,           -- owner/name, for repo: and org:
    head           text   NOT NULL,           -- commit whose tree is indexed; '' for an unborn branch
    branch         text   NOT NULL,
    facts          text   NOT NULL,           -- digest of what every document repeats: name, visibility, stars, ...
    visibility     text   NOT NULL,
    fork           boolean NOT NULL,
    archived       boolean NOT NULL,
    stars          integer NOT NULL,
    settings       text   NOT NULL,           -- digest of what decides the documents' shape
    complete       boolean NOT NULL,          -- false: some files are still to do
    indexed_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (engine, repository_id)
);

CREATE TABLE search.file (
    engine         text    NOT NULL,
    repository_id  bigint  NOT NULL,
    path           bytea   NOT NULL,           -- as git has it
    display        text    NOT NULL,           -- as people see it
    file_id        text    NOT NULL,
    mode           text    NOT NULL,
    blob           text    NOT NULL,
    status         text    NOT NULL,
    parts          integer NOT NULL,
    size           bigint  NOT NULL,
    language       text,
    author         text    NOT NULL,
    commit         text    NOT NULL,
    date           bigint  NOT NULL,           -- author's date of the last change
    committed      bigint  NOT NULL,           -- committer's date of the same commit, decides which change is last
    is_test        boolean NOT NULL,
    is_vendored    boolean NOT NULL,
    is_generated   boolean NOT NULL,
    PRIMARY KEY (engine, repository_id, path),
    FOREIGN KEY (engine, repository_id) REFERENCES search.repository ON DELETE CASCADE
);
CREATE UNIQUE INDEX file_by_id ON search.file (engine, file_id);
CREATE INDEX file_by_status ON search.file (engine, status) WHERE status <> 'indexed';

CREATE TABLE search.record (
    engine         text NOT NULL REFERENCES search.engine ON DELETE CASCADE,
    collection     text NOT NULL,             -- the engine's index
    id             text NOT NULL,
    repository_id  bigint,
    digest         text NOT NULL,
    PRIMARY KEY (engine, collection, id)
);
CREATE INDEX record_by_repository ON search.record (engine, repository_id);

-- What was sent to an engine and is not known to be held yet. A row left by a run that died is undone by the next one.
CREATE TABLE search.sent (
    engine         text    NOT NULL REFERENCES search.engine ON DELETE CASCADE,
    collection     text    NOT NULL,
    id             text    NOT NULL,          -- of a file, or of a record
    repository_id  bigint,
    parts          integer NOT NULL,          -- documents that may exist of it
    PRIMARY KEY (engine, collection, id)
);

-- Things that change without a tree: an event raises the version of its scope (`work:42`, `users`, `closed:42`),
-- and an engine is up to date with a scope when it holds that version.
CREATE TABLE search.scope (
    scope       text PRIMARY KEY,
    version     bigint NOT NULL
);

CREATE TABLE search.held (
    engine      text NOT NULL REFERENCES search.engine ON DELETE CASCADE,
    scope       text NOT NULL,
    version     bigint NOT NULL,
    PRIMARY KEY (engine, scope)
);
