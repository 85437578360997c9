-- What the meter of a slot has read so far, so that a slot in which the process ended is settled
-- by what was delivered in it.
CREATE TABLE readings (
    slot     BIGINT NOT NULL,
    instance TEXT NOT NULL,
    resource TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (slot, instance, resource)
);
