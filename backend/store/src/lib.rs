//! Journal, state tables and ledger on SQLite and PostgreSQL.
