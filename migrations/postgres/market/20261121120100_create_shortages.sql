-- What the forecast errors of a pool say of its next slots, where it prices shortages.

CREATE TABLE shortages (
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
CREATE INDEX shortages_live ON shortages (market, id) WHERE live = 1;
