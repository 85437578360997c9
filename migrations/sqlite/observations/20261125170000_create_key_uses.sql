-- When an API key was last used, to the minute: written now and then, so a crash forgets the last of it.
CREATE TABLE key_uses (
    key     TEXT PRIMARY KEY,
    used_at INTEGER NOT NULL
) STRICT;
