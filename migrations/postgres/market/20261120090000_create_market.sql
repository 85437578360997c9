-- The market: journal, state tables, ledger, outbox, archive. Only the sequencer writes here.

CREATE TABLE journal (
    sequence     BIGINT PRIMARY KEY,
    market       BIGINT NOT NULL,
    recorded_at  BIGINT NOT NULL,
    actor        TEXT NOT NULL,
    -- Participant and idempotency key; unique for ever.
    idempotency  TEXT UNIQUE,
    request_hash TEXT,
    command      TEXT NOT NULL,
    events       TEXT NOT NULL,
    reply        TEXT NOT NULL,
    rule_version BIGINT NOT NULL,
    chain_hash   TEXT NOT NULL
);

CREATE TABLE state_market (
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
CREATE INDEX state_market_live ON state_market (market, id) WHERE live = 1;

CREATE TABLE participants (
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
CREATE INDEX participants_live ON participants (market, id) WHERE live = 1;

CREATE TABLE users (
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
CREATE INDEX users_live ON users (market, id) WHERE live = 1;

CREATE TABLE api_keys (
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
CREATE INDEX api_keys_live ON api_keys (market, id) WHERE live = 1;

CREATE INDEX api_keys_participant ON api_keys (market, participant, id);

CREATE TABLE pools (
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
CREATE INDEX pools_live ON pools (market, id) WHERE live = 1;

CREATE TABLE nodes (
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
CREATE INDEX nodes_live ON nodes (market, id) WHERE live = 1;

CREATE TABLE reserve_prices (
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
CREATE INDEX reserve_prices_live ON reserve_prices (market, id) WHERE live = 1;

CREATE TABLE state_references (
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
CREATE INDEX state_references_live ON state_references (market, id) WHERE live = 1;

CREATE TABLE products (
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
CREATE INDEX products_live ON products (market, id) WHERE live = 1;

CREATE INDEX products_position ON products (market, position, id);

CREATE TABLE modules (
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
CREATE INDEX modules_live ON modules (market, id) WHERE live = 1;

CREATE TABLE instances (
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
CREATE INDEX instances_live ON instances (market, id) WHERE live = 1;

CREATE INDEX instances_participant ON instances (market, participant, id);

CREATE TABLE orders (
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
CREATE INDEX orders_live ON orders (market, id) WHERE live = 1;

CREATE INDEX orders_participant ON orders (market, participant, id);

CREATE TABLE awards (
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
CREATE INDEX awards_live ON awards (market, id) WHERE live = 1;

CREATE INDEX awards_participant ON awards (market, participant, id);

CREATE INDEX awards_position ON awards (market, position, id);

CREATE TABLE rounds (
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
CREATE INDEX rounds_live ON rounds (market, id) WHERE live = 1;

CREATE INDEX rounds_position ON rounds (market, position, id);

CREATE TABLE swaps (
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
CREATE INDEX swaps_live ON swaps (market, id) WHERE live = 1;

CREATE INDEX swaps_participant ON swaps (market, participant, id);

CREATE INDEX swaps_position ON swaps (market, position, id);

CREATE TABLE receipts (
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
CREATE INDEX receipts_live ON receipts (market, id) WHERE live = 1;

CREATE INDEX receipts_participant ON receipts (market, participant, id);

CREATE INDEX receipts_position ON receipts (market, position, id);

CREATE TABLE hints (
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
CREATE INDEX hints_live ON hints (market, id) WHERE live = 1;

CREATE INDEX hints_participant ON hints (market, participant, id);

CREATE TABLE profiles (
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
CREATE INDEX profiles_live ON profiles (market, id) WHERE live = 1;

CREATE INDEX profiles_participant ON profiles (market, participant, id);

-- Client ids of orders, unique per participant for ever.
CREATE TABLE client_ids (
    client_key TEXT PRIMARY KEY,
    market     BIGINT NOT NULL,
    order_id   TEXT NOT NULL
);
CREATE TABLE accounts (
    market      BIGINT NOT NULL,
    id          TEXT NOT NULL,
    participant TEXT,
    balance     BIGINT NOT NULL,
    sequence    BIGINT NOT NULL,
    PRIMARY KEY (market, id),
    CHECK (participant IS NULL OR balance >= 0)
);
CREATE TABLE transfers (
    id          TEXT PRIMARY KEY,
    market      BIGINT NOT NULL,
    sequence    BIGINT NOT NULL,
    kind        TEXT NOT NULL,
    debit       TEXT NOT NULL,
    credit      TEXT NOT NULL,
    amount      BIGINT NOT NULL CHECK (amount > 0),
    order_id    TEXT,
    round       BIGINT,
    slot        BIGINT,
    recorded_at BIGINT NOT NULL,
    CHECK (debit <> credit)
);
CREATE INDEX transfers_debit ON transfers (debit, id);
CREATE INDEX transfers_credit ON transfers (credit, id);
CREATE TABLE outbox (
    id          BIGINT PRIMARY KEY,
    market      BIGINT NOT NULL,
    kind        TEXT NOT NULL,
    participant TEXT,
    object      TEXT NOT NULL,
    data        TEXT NOT NULL,
    created_at  BIGINT NOT NULL
);
-- Book and outcome of each round, zstd.
CREATE TABLE round_archive (
    market      BIGINT NOT NULL,
    round       BIGINT NOT NULL,
    book        BYTEA NOT NULL,
    outcome     BYTEA NOT NULL,
    result_hash TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (market, round)
);
CREATE TABLE module_blobs (
    hash  TEXT PRIMARY KEY,
    bytes BYTEA NOT NULL
);
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
CREATE TABLE lease (
    name       TEXT PRIMARY KEY,
    holder     TEXT NOT NULL,
    epoch      BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
