-- A participant's budgets: one row a project, deleted ones stay for the awards that name them.
CREATE TABLE projects (
    market      BIGINT NOT NULL,
    id          TEXT NOT NULL,
    participant TEXT,
    status      TEXT NOT NULL,
    live        BIGINT NOT NULL,
    position    BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    sequence    BIGINT NOT NULL,
    document    TEXT NOT NULL,
    PRIMARY KEY (market, id)
);
CREATE INDEX projects_live ON projects (market, id) WHERE live = 1;

CREATE INDEX projects_participant ON projects (market, participant, id);
