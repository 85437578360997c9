-- What a product class has cost in an hour of the day, by day: the administered price of slots without a round.

CREATE TABLE hourly_prices (
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
CREATE INDEX hourly_prices_live ON hourly_prices (market, id) WHERE live = 1;
