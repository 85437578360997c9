-- Who has changed what: one row for each command of a person or a key that changes how the market is run, or what a
-- participant has in it. Orders have lists of their own. What was changed before is in the journal alone.

CREATE TABLE audit_events (
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
CREATE INDEX audit_events_live ON audit_events (market, id) WHERE live = 1;
CREATE INDEX audit_events_participant ON audit_events (market, participant, id);
CREATE INDEX audit_events_status ON audit_events (market, status, id);
