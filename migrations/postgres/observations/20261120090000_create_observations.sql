-- Observations: high volume, no money, may be lost. Its own file (SQLite) or schema (PostgreSQL).

CREATE TABLE samples (
    instance TEXT NOT NULL,
    at       BIGINT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (instance, at)
);
CREATE INDEX samples_at ON samples (at);
CREATE TABLE forecasts (
    instance  TEXT NOT NULL,
    resource  TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    document  TEXT NOT NULL,
    PRIMARY KEY (instance, resource, issued_at)
);
CREATE TABLE forecast_scores (
    instance TEXT NOT NULL,
    resource TEXT NOT NULL,
    slot     BIGINT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (instance, resource, slot)
);
-- State of the online forecasters, so that a restart does not forget.
CREATE TABLE forecaster_state (
    instance TEXT NOT NULL,
    resource TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (instance, resource)
);
CREATE TABLE refresh_tokens (
    token_hash TEXT PRIMARY KEY,
    family     TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
