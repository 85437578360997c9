-- From here on orders.document and outbox.data may name the journal row in whose events the order was accepted
-- ('@' and its sequence) instead of repeating its JSON. No table changes; a program that does not know of it
-- must not open the database.
SELECT 1;
