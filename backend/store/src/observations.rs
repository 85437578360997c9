//! What was measured and forecast: high volume, no money. Losing it degrades, never corrupts.
use crate::database::Observations;
use crate::error::StoreError;
use crate::on_either;
use crate::sql::{Insert, Value};

const SAMPLES: Insert = Insert {
    table: "samples",
    columns: &["instance", "at", "document"],
    tail: "ON CONFLICT (instance, at) DO NOTHING",
};
const READINGS: Insert = Insert {
    table: "readings",
    columns: &["slot", "instance", "resource", "document"],
    tail: "ON CONFLICT (slot, instance, resource) DO UPDATE SET document = excluded.document",
};
const FORECASTS: Insert = Insert {
    table: "forecasts",
    columns: &["instance", "resource", "issued_at", "document"],
    tail: "ON CONFLICT (instance, resource, issued_at) DO UPDATE SET document = excluded.document",
};
const SCORES: Insert = Insert {
    table: "forecast_scores",
    columns: &["instance", "resource", "slot", "document"],
    tail: "ON CONFLICT (instance, resource, slot) DO UPDATE SET document = excluded.document",
};
const FORECASTERS: Insert = Insert {
    table: "forecaster_state",
    columns: &["instance", "resource", "document"],
    tail: "ON CONFLICT (instance, resource) DO UPDATE SET document = excluded.document",
};

const KEY_USES: Insert = Insert {
    table: "key_uses",
    columns: &["key", "used_at"],
    tail: "ON CONFLICT (key) DO UPDATE SET used_at = excluded.used_at",
};

const ADD_REFRESH_TOKEN: &str =
    "INSERT INTO refresh_tokens (token_hash, family, user_id, expires_at, used_at) VALUES ($1, $2, $3, $4, NULL)";

/// (instance, resource, time, document)
pub type Dated = (String, String, i64, String);

/// One write of observations.
#[derive(Debug, Default)]
pub struct Observed {
    /// (instance, at, document)
    pub samples: Vec<(String, i64, String)>,
    /// What the meter has read so far: (slot in seconds, instance, resource, document)
    pub readings: Vec<(i64, String, String, String)>,
    pub forecasts: Vec<Dated>,
    pub scores: Vec<Dated>,
    pub forecasters: Vec<(String, String, String)>,
}

fn dated(rows: Vec<Dated>) -> Vec<Vec<Value>> {
    rows.into_iter().map(|(i, r, at, d)| vec![i.into(), r.into(), at.into(), d.into()]).collect()
}

impl Observations {
    pub async fn write(&self, observed: Observed) -> Result<(), StoreError> {
        let mut transaction = self.0.begin().await?;
        let samples: Vec<Vec<Value>> =
            observed.samples.into_iter().map(|(i, at, d)| vec![i.into(), at.into(), d.into()]).collect();
        SAMPLES.run(&mut transaction, &samples).await?;
        let readings: Vec<Vec<Value>> = observed
            .readings
            .into_iter()
            .map(|(slot, i, r, d)| vec![slot.into(), i.into(), r.into(), d.into()])
            .collect();
        READINGS.run(&mut transaction, &readings).await?;
        FORECASTS.run(&mut transaction, &dated(observed.forecasts)).await?;
        SCORES.run(&mut transaction, &dated(observed.scores)).await?;
        let forecasters: Vec<Vec<Value>> =
            observed.forecasters.into_iter().map(|(i, r, d)| vec![i.into(), r.into(), d.into()]).collect();
        FORECASTERS.run(&mut transaction, &forecasters).await?;
        transaction.commit().await
    }

    pub async fn samples(&self, instance: &str, from: i64, limit: i64) -> Result<Vec<String>, StoreError> {
        let text = "SELECT document FROM samples WHERE instance = $1 AND at >= $2 ORDER BY at LIMIT $3";
        let rows: Vec<(String,)> = on_either!(&self.0, pool => sqlx::query_as(text).bind(instance).bind(from).bind(limit).fetch_all(pool).await?);
        Ok(rows.into_iter().map(|(d,)| d).collect())
    }

    /// The latest scores of an instance, newest first.
    pub async fn scores(&self, instance: &str, limit: i64) -> Result<Vec<String>, StoreError> {
        let text = "SELECT document FROM forecast_scores WHERE instance = $1 ORDER BY slot DESC LIMIT $2";
        let rows: Vec<(String,)> =
            on_either!(&self.0, pool => sqlx::query_as(text).bind(instance).bind(limit).fetch_all(pool).await?);
        Ok(rows.into_iter().map(|(d,)| d).collect())
    }

    /// What the meter had read in slots from this one on: (slot in seconds, document).
    pub async fn readings(&self, from_slot: i64) -> Result<Vec<(i64, String)>, StoreError> {
        let text = "SELECT slot, document FROM readings WHERE slot >= $1 ORDER BY slot, instance, resource";
        Ok(on_either!(&self.0, pool => sqlx::query_as(text).bind(from_slot).fetch_all(pool).await?))
    }

    /// All stored forecaster states: (instance, resource, document).
    pub async fn forecasters(&self) -> Result<Vec<(String, String, String)>, StoreError> {
        let text = "SELECT instance, resource, document FROM forecaster_state";
        Ok(on_either!(&self.0, pool => sqlx::query_as(text).fetch_all(pool).await?))
    }

    pub async fn prune(&self, samples_before: i64, forecasts_before: i64) -> Result<u64, StoreError> {
        let mut transaction = self.0.begin().await?;
        let mut count = 0;
        for (text, before) in [
            ("DELETE FROM samples WHERE at < $1", samples_before),
            ("DELETE FROM readings WHERE slot < $1", samples_before / 1_000_000),
            ("DELETE FROM forecasts WHERE issued_at < $1", forecasts_before),
            ("DELETE FROM refresh_tokens WHERE expires_at < $1", samples_before),
        ] {
            count += crate::in_either!(&mut transaction, connection => {
                sqlx::query(text).bind(before).execute(connection).await?.rows_affected()
            });
        }
        transaction.commit().await?;
        Ok(count)
    }

    /// When API keys were last used: (id, seconds).
    pub async fn write_key_uses(&self, rows: &[(String, i64)]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut transaction = self.0.begin().await?;
        let rows: Vec<Vec<Value>> = rows.iter().map(|(key, at)| vec![key.clone().into(), (*at).into()]).collect();
        KEY_USES.run(&mut transaction, &rows).await?;
        transaction.commit().await
    }

    pub async fn key_uses(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let text = "SELECT key, used_at FROM key_uses";
        Ok(on_either!(&self.0, pool => sqlx::query_as(text).fetch_all(pool).await?))
    }

    pub async fn add_refresh_token(
        &self,
        hash: &str,
        family: &str,
        user: &str,
        expires_at: i64,
    ) -> Result<(), StoreError> {
        let mut transaction = self.0.begin().await?;
        crate::in_either!(&mut transaction, connection => {
            sqlx::query(ADD_REFRESH_TOKEN).bind(hash).bind(family).bind(user).bind(expires_at).execute(connection).await?;
        });
        transaction.commit().await
    }

    /// Uses a refresh token once and puts its successor in its place, in one transaction: there is
    /// no moment between the two in which a second use would miss the successor. `successors` says
    /// for a user what may follow the token. A second use revokes the whole family, but for one
    /// within `grace` microseconds while the successor is unused.
    pub async fn rotate_refresh_token(
        &self,
        hash: &str,
        now: i64,
        grace: i64,
        successors: impl FnOnce(&str) -> Successors,
    ) -> Result<RefreshUse, StoreError> {
        let mut transaction = self.0.begin().await?;
        // The write comes first, so that two uses at the same moment queue up for it.
        let changed = crate::in_either!(&mut transaction, connection => {
            sqlx::query("UPDATE refresh_tokens SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL").bind(hash).bind(now).execute(connection).await?.rows_affected()
        });
        let text = "SELECT family, user_id, expires_at, used_at FROM refresh_tokens WHERE token_hash = $1";
        let row: Option<(String, String, i64, i64)> = crate::in_either!(&mut transaction, connection => {
            sqlx::query_as(text).bind(hash).fetch_optional(connection).await?
        });
        let Some((family, user, expires_at, used_at)) = row else { return Ok(RefreshUse::Unknown) };
        if changed != 1 {
            // A family is one chain: it has one token that nobody has used.
            let text = "SELECT token_hash FROM refresh_tokens WHERE family = $1 AND used_at IS NULL";
            let unused: Option<(String,)> = crate::in_either!(&mut transaction, connection => {
                sqlx::query_as(text).bind(&family).fetch_optional(connection).await?
            });
            if let Some((successor,)) = unused.filter(|_| now - used_at < grace)
                && successors(&user).possible.contains(&successor)
            {
                return Ok(RefreshUse::Again { family, successor });
            }
            crate::in_either!(&mut transaction, connection => {
                sqlx::query("DELETE FROM refresh_tokens WHERE family = $1").bind(&family).execute(connection).await?;
            });
            transaction.commit().await?;
            return Ok(RefreshUse::Reused { family });
        }
        if expires_at <= now {
            return Ok(RefreshUse::Unknown);
        }
        // Without a successor nothing has happened: the token stays good.
        let Some((next, expires_at)) = successors(&user).next else { return Ok(RefreshUse::Fresh { family }) };
        crate::in_either!(&mut transaction, connection => {
            sqlx::query(ADD_REFRESH_TOKEN).bind(next).bind(&family).bind(&user).bind(expires_at).execute(connection).await?;
        });
        transaction.commit().await?;
        Ok(RefreshUse::Fresh { family })
    }

    /// The sessions whose newest refresh token ends after that time.
    pub async fn families_until_after(&self, time: i64) -> Result<Vec<String>, StoreError> {
        let text = "SELECT DISTINCT family FROM refresh_tokens WHERE expires_at > $1";
        let rows: Vec<(String,)> = on_either!(&self.0, pool => sqlx::query_as(text).bind(time).fetch_all(pool).await?);
        Ok(rows.into_iter().map(|(family,)| family).collect())
    }

    pub async fn revoke_family(&self, family: &str) -> Result<(), StoreError> {
        let mut transaction = self.0.begin().await?;
        crate::in_either!(&mut transaction, connection => {
            sqlx::query("DELETE FROM refresh_tokens WHERE family = $1").bind(family).execute(connection).await?;
        });
        transaction.commit().await
    }

    /// The session that a refresh token belongs to, used or not.
    pub async fn family_of(&self, hash: &str) -> Result<Option<String>, StoreError> {
        let text = "SELECT family FROM refresh_tokens WHERE token_hash = $1";
        let row: Option<(String,)> =
            on_either!(&self.0, pool => sqlx::query_as(text).bind(hash).fetch_optional(pool).await?);
        Ok(row.map(|(family,)| family))
    }
}

/// What may follow a refresh token, by hash.
#[derive(Clone, Debug, Default)]
pub struct Successors {
    /// What follows it now, and until when that is good. Without it the token is not used.
    pub next: Option<(String, i64)>,
    /// Everything that an earlier use may have put in its place.
    pub possible: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshUse {
    Fresh {
        family: String,
    },
    /// It was used a moment ago, and this successor was not used yet.
    Again {
        family: String,
        successor: String,
    },
    Unknown,
    /// It was used before: somebody has a copy, the family is gone.
    Reused {
        family: String,
    },
}
