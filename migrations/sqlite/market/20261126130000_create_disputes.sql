-- What members say is wrong with their receipts: one row a dispute, decided ones stay.
CREATE TABLE disputes (
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
CREATE INDEX disputes_live ON disputes (market, id) WHERE live = 1;

CREATE INDEX disputes_participant ON disputes (market, participant, id);
