-- What a product class has cost in an hour of the day, by day: the administered price of slots without a round.

CREATE TABLE hourly_prices (
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
CREATE INDEX hourly_prices_live ON hourly_prices (market, id) WHERE live = 1;
