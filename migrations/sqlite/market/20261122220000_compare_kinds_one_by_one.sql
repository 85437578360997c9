-- The same rows as before, named without a list: for one of more than two texts SQLite makes a table of its own, for
-- each index and every row that is written.
DROP INDEX transfers_debit;
DROP INDEX transfers_credit;
CREATE INDEX transfers_debit ON transfers (debit, id) WHERE kind <> 'hold' AND kind <> 'release' AND kind <> 'bond' AND kind <> 'bond_release';
CREATE INDEX transfers_credit ON transfers (credit, id) WHERE kind <> 'hold' AND kind <> 'release' AND kind <> 'bond' AND kind <> 'bond_release';
