-- Lookups by what clients and owners name, apart from the rows: a bid is appended, and these are
-- written late, in sorted runs of thousands (store/src/lookups.rs).

-- Idempotency keys: were unique in the journal itself.
CREATE TABLE request_keys (
    request_key TEXT PRIMARY KEY,
    sequence    BIGINT NOT NULL
);
INSERT INTO request_keys SELECT idempotency, sequence FROM journal WHERE idempotency IS NOT NULL;
ALTER TABLE journal DROP CONSTRAINT journal_idempotency_key;

CREATE TABLE order_owners (
    participant TEXT NOT NULL,
    order_id    TEXT NOT NULL,
    PRIMARY KEY (participant, order_id)
);
INSERT INTO order_owners SELECT participant, id FROM orders WHERE participant IS NOT NULL ORDER BY participant, id;
DROP INDEX orders_participant;

-- The last row of the journal whose lookups are written.
CREATE TABLE lookups_written (
    market   BIGINT PRIMARY KEY,
    sequence BIGINT NOT NULL
);
INSERT INTO lookups_written SELECT 1, COALESCE(MAX(sequence), 0) FROM journal;

-- Moves between a participant's own accounts are on no statement, and nearly all that there are.
DROP INDEX transfers_debit;
DROP INDEX transfers_credit;
CREATE INDEX transfers_debit ON transfers (debit, id) WHERE kind NOT IN ('hold', 'release', 'bond', 'bond_release');
CREATE INDEX transfers_credit ON transfers (credit, id) WHERE kind NOT IN ('hold', 'release', 'bond', 'bond_release');
