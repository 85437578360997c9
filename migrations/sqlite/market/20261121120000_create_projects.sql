-- A participant's budgets: one row a project, deleted ones stay for the awards that name them.
CREATE TABLE projects (
    market      INTEGER NOT NULL,
    id          TEXT NOT NULL,
    participant TEXT,
    status      TEXT NOT NULL,
    live        INTEGER NOT NULL,
    position    INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    document    TEXT NOT NULL,
    PRIMARY KEY (market, id)
) STRICT;
CREATE INDEX projects_live ON projects (market, id) WHERE live = 1;

CREATE INDEX projects_participant ON projects (market, participant, id);
