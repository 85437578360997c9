-- The market: journal, state tables, ledger, outbox, archive. Only the sequencer writes here.

CREATE TABLE journal (
    sequence     INTEGER PRIMARY KEY,
    market       INTEGER NOT NULL,
    recorded_at  INTEGER NOT NULL,
    actor        TEXT NOT NULL,
    -- Participant and idempotency key; unique for ever.
    idempotency  TEXT UNIQUE,
    request_hash TEXT,
    command      TEXT NOT NULL,
    events       TEXT NOT NULL,
    reply        TEXT NOT NULL,
    rule_version INTEGER NOT NULL,
    chain_hash   TEXT NOT NULL
) STRICT;

CREATE TABLE state_market (
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
CREATE INDEX state_market_live ON state_market (market, id) WHERE live = 1;

CREATE TABLE participants (
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
CREATE INDEX participants_live ON participants (market, id) WHERE live = 1;

CREATE TABLE users (
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
CREATE INDEX users_live ON users (market, id) WHERE live = 1;

CREATE TABLE api_keys (
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
CREATE INDEX api_keys_live ON api_keys (market, id) WHERE live = 1;

CREATE INDEX api_keys_participant ON api_keys (market, participant, id);

CREATE TABLE pools (
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
CREATE INDEX pools_live ON pools (market, id) WHERE live = 1;

CREATE TABLE nodes (
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
CREATE INDEX nodes_live ON nodes (market, id) WHERE live = 1;

CREATE TABLE reserve_prices (
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
CREATE INDEX reserve_prices_live ON reserve_prices (market, id) WHERE live = 1;

CREATE TABLE state_references (
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
CREATE INDEX state_references_live ON state_references (market, id) WHERE live = 1;

CREATE TABLE products (
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
CREATE INDEX products_live ON products (market, id) WHERE live = 1;

CREATE INDEX products_position ON products (market, position, id);

CREATE TABLE modules (
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
CREATE INDEX modules_live ON modules (market, id) WHERE live = 1;

CREATE TABLE instances (
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
CREATE INDEX instances_live ON instances (market, id) WHERE live = 1;

CREATE INDEX instances_participant ON instances (market, participant, id);

CREATE TABLE orders (
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
CREATE INDEX orders_live ON orders (market, id) WHERE live = 1;

CREATE INDEX orders_participant ON orders (market, participant, id);

CREATE TABLE awards (
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
CREATE INDEX awards_live ON awards (market, id) WHERE live = 1;

CREATE INDEX awards_participant ON awards (market, participant, id);

CREATE INDEX awards_position ON awards (market, position, id);

CREATE TABLE rounds (
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
CREATE INDEX rounds_live ON rounds (market, id) WHERE live = 1;

CREATE INDEX rounds_position ON rounds (market, position, id);

CREATE TABLE swaps (
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
CREATE INDEX swaps_live ON swaps (market, id) WHERE live = 1;

CREATE INDEX swaps_participant ON swaps (market, participant, id);

CREATE INDEX swaps_position ON swaps (market, position, id);

CREATE TABLE receipts (
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
CREATE INDEX receipts_live ON receipts (market, id) WHERE live = 1;

CREATE INDEX receipts_participant ON receipts (market, participant, id);

CREATE INDEX receipts_position ON receipts (market, position, id);

CREATE TABLE hints (
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
CREATE INDEX hints_live ON hints (market, id) WHERE live = 1;

CREATE INDEX hints_participant ON hints (market, participant, id);

CREATE TABLE profiles (
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
CREATE INDEX profiles_live ON profiles (market, id) WHERE live = 1;

CREATE INDEX profiles_participant ON profiles (market, participant, id);

-- Client ids of orders, unique per participant for ever.
CREATE TABLE client_ids (
    client_key TEXT PRIMARY KEY,
    market     INTEGER NOT NULL,
    order_id   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE accounts (
    market      INTEGER NOT NULL,
    id          TEXT NOT NULL,
    participant TEXT,
    balance     INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    PRIMARY KEY (market, id),
    CHECK (participant IS NULL OR balance >= 0)
) STRICT, WITHOUT ROWID;
CREATE TABLE transfers (
    id          TEXT PRIMARY KEY,
    market      INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    debit       TEXT NOT NULL,
    credit      TEXT NOT NULL,
    amount      INTEGER NOT NULL CHECK (amount > 0),
    order_id    TEXT,
    round       INTEGER,
    slot        INTEGER,
    recorded_at INTEGER NOT NULL,
    CHECK (debit <> credit)
) STRICT;
CREATE INDEX transfers_debit ON transfers (debit, id);
CREATE INDEX transfers_credit ON transfers (credit, id);
CREATE TABLE outbox (
    id          INTEGER PRIMARY KEY,
    market      INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    participant TEXT,
    object      TEXT NOT NULL,
    data        TEXT NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;
-- Book and outcome of each round, zstd.
CREATE TABLE round_archive (
    market      INTEGER NOT NULL,
    round       INTEGER NOT NULL,
    book        BLOB NOT NULL,
    outcome     BLOB NOT NULL,
    result_hash TEXT NOT NULL,
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (market, round)
) STRICT;
CREATE TABLE module_blobs (
    hash  TEXT PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
CREATE TABLE lease (
    name       TEXT PRIMARY KEY,
    holder     TEXT NOT NULL,
    epoch      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
