-- Observations: high volume, no money, may be lost. Its own file (SQLite) or schema (PostgreSQL).

CREATE TABLE samples (
    instance TEXT NOT NULL,
    at       INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (instance, at)
) STRICT;
CREATE INDEX samples_at ON samples (at);
CREATE TABLE forecasts (
    instance  TEXT NOT NULL,
    resource  TEXT NOT NULL,
    issued_at INTEGER NOT NULL,
    document  TEXT NOT NULL,
    PRIMARY KEY (instance, resource, issued_at)
) STRICT;
CREATE TABLE forecast_scores (
    instance TEXT NOT NULL,
    resource TEXT NOT NULL,
    slot     INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (instance, resource, slot)
) STRICT;
-- State of the online forecasters, so that a restart does not forget.
CREATE TABLE forecaster_state (
    instance TEXT NOT NULL,
    resource TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (instance, resource)
) STRICT;
CREATE TABLE refresh_tokens (
    token_hash TEXT PRIMARY KEY,
    family     TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
