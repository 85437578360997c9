-- There are no bonds any more: holds alone are moves between accounts of one participant.
DROP INDEX transfers_debit;
DROP INDEX transfers_credit;
CREATE INDEX transfers_debit ON transfers (debit, id) WHERE kind <> 'hold' AND kind <> 'release';
CREATE INDEX transfers_credit ON transfers (credit, id) WHERE kind <> 'hold' AND kind <> 'release';
