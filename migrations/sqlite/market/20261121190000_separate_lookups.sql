-- Lookups by what clients and owners name, apart from the rows: a bid is appended, and these are
-- written late, in sorted runs of thousands (store/src/lookups.rs).

-- Idempotency keys: were unique in the journal itself.
CREATE TABLE request_keys (
    request_key TEXT PRIMARY KEY,
    sequence    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO request_keys SELECT idempotency, sequence FROM journal WHERE idempotency IS NOT NULL;

CREATE TABLE journal_rows (
    sequence     INTEGER PRIMARY KEY,
    market       INTEGER NOT NULL,
    recorded_at  INTEGER NOT NULL,
    actor        TEXT NOT NULL,
    -- Participant and idempotency key.
    idempotency  TEXT,
    request_hash TEXT,
    command      TEXT NOT NULL,
    events       TEXT NOT NULL,
    reply        TEXT NOT NULL,
    rule_version INTEGER NOT NULL,
    chain_hash   TEXT NOT NULL
) STRICT;
INSERT INTO journal_rows SELECT sequence, market, recorded_at, actor, idempotency, request_hash, command, events, reply, rule_version, chain_hash FROM journal;
DROP TABLE journal;
ALTER TABLE journal_rows RENAME TO journal;

CREATE TABLE order_owners (
    participant TEXT NOT NULL,
    order_id    TEXT NOT NULL,
    PRIMARY KEY (participant, order_id)
) STRICT, WITHOUT ROWID;
INSERT INTO order_owners SELECT participant, id FROM orders WHERE participant IS NOT NULL ORDER BY participant, id;
DROP INDEX orders_participant;

-- The last row of the journal whose lookups are written.
CREATE TABLE lookups_written (
    market   INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL
) STRICT;
INSERT INTO lookups_written SELECT 1, COALESCE(MAX(sequence), 0) FROM journal;

-- Found by its id alone: a row apart from it would be a second tree to write.
CREATE TABLE transfer_rows (
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
) STRICT, WITHOUT ROWID;
INSERT INTO transfer_rows SELECT id, market, sequence, kind, debit, credit, amount, order_id, round, slot, recorded_at FROM transfers ORDER BY id;
DROP TABLE transfers;
ALTER TABLE transfer_rows RENAME TO transfers;

-- Moves between a participant's own accounts are on no statement, and nearly all that there are.
CREATE INDEX transfers_debit ON transfers (debit, id) WHERE kind NOT IN ('hold', 'release', 'bond', 'bond_release');
CREATE INDEX transfers_credit ON transfers (credit, id) WHERE kind NOT IN ('hold', 'release', 'bond', 'bond_release');
