//! Forgets telemetry, forecasts and stream events that are too old to be asked for. The market's own records stay.
use headroom_market::time::Timestamp;
use headroom_store::Store;

const HOUR_MICROS: i64 = 3_600_000_000;
pub const EVERY_MICROS: i64 = HOUR_MICROS;
const KEEP_SAMPLES_HOURS: i64 = 24;
const KEEP_FORECASTS_HOURS: i64 = 30 * 24;
pub const KEEP_EVENTS_HOURS: i64 = 7 * 24;

/// What can't be forgotten now is tried again in an hour.
pub async fn prune(store: &Store, now: Timestamp) {
    let before = |hours: i64| now.micros() - hours * HOUR_MICROS;
    match store.observations.prune(before(KEEP_SAMPLES_HOURS), before(KEEP_FORECASTS_HOURS)).await {
        Ok(rows) => tracing::info!(rows, "old telemetry and forecasts are forgotten"),
        Err(error) => tracing::error!(%error, "old telemetry and forecasts stay: the database grows"),
    }
    match store.prune_stream(before(KEEP_EVENTS_HOURS)).await {
        Ok(rows) => tracing::info!(rows, "old events of the stream are forgotten"),
        Err(error) => tracing::error!(%error, "old events of the stream stay: the database grows"),
    }
}
