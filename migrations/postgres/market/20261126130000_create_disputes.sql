-- What members say is wrong with their receipts: one row a dispute, decided ones stay.
CREATE TABLE disputes (
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
CREATE INDEX disputes_live ON disputes (market, id) WHERE live = 1;

CREATE INDEX disputes_participant ON disputes (market, participant, id);
