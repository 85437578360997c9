-- What the forecast errors of a pool say of its next slots, where it prices shortages.

CREATE TABLE shortages (
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
CREATE INDEX shortages_live ON shortages (market, id) WHERE live = 1;
