//! Orders that tests and load tests place.
use crate::api::Api;
use crate::time;
use anyhow::Context;
use serde_json::{Value, json};

/// The market's rhythm and its clock, from `GET /v1/me`.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    pub slot_seconds: i64,
    pub lead_seconds: i64,
    pub horizon_slots: i64,
    pub now: i64,
}

impl Rhythm {
    pub async fn of(api: &Api) -> anyhow::Result<Rhythm> {
        let me = api.get("/v1/me").await?.ok()?;
        let number = |name: &str| me["market"][name].as_i64().with_context(|| format!("market.{name}"));
        let now = me["now"].as_str().and_then(time::seconds).context("now")?;
        Ok(Rhythm {
            slot_seconds: number("slot_seconds")?,
            lead_seconds: number("lead_seconds")?,
            horizon_slots: number("horizon_slots")?,
            now,
        })
    }
    /// The first slot that can still be traded.
    pub fn first_open(&self) -> i64 {
        let earliest = self.now + self.lead_seconds;
        earliest + (-earliest).rem_euclid(self.slot_seconds)
    }
    /// A window of `slots` slots that starts `skipped` slots after the first open one.
    pub fn window(&self, skipped: i64, slots: i64) -> Value {
        let start = self.first_open() + skipped * self.slot_seconds;
        json!({ "start_at": time::rfc3339(start), "end_at": time::rfc3339(start + slots * self.slot_seconds) })
    }
    /// The latest single slot that stays open while the clock moves on a little.
    pub fn late_window(&self) -> Value {
        self.window(self.horizon_slots - 2, 1)
    }
}

/// A bid for new capacity, without a workload.
pub fn bid(pool: &str, window: &Value, cpu_milli: i64, limit: &str) -> Value {
    json!({
        "instance": null, "window": window, "resources": { "cpu_milli": cpu_milli },
        "pools": [{ "pool": pool, "adder": "0" }], "limit": limit,
    })
}

/// Makes a participant with credits and a user of its own, and gives back the user's API key.
/// The caller is an admin.
pub async fn trader(admin: &Api, name: &str, credits: &str) -> anyhow::Result<Api> {
    let participant = admin.post("/v1/participants", &json!({ "name": name })).await?.id()?;
    let grants = format!("/v1/participants/{participant}/grants");
    admin.post_with_key(&grants, &format!("grant-{name}"), &json!({ "amount": credits })).await?.ok()?;
    let email = format!("{name}@traders.example.org");
    let password = format!("long-enough-{name}");
    // A tenant, because bidders make no keys.
    let memberships = json!([{ "participant": participant, "role": "tenant" }]);
    let user = json!({ "email": email, "name": name, "password": password, "memberships": memberships });
    admin.post("/v1/users", &user).await?.ok()?;
    let nobody = admin.with(None);
    let session = nobody.post("/v1/auth/login", &json!({ "email": email, "password": password })).await?.ok()?;
    let signed_in = admin.with(session["access_token"].as_str());
    let key = signed_in.post("/v1/api_keys", &json!({ "name": "trader" })).await?.ok()?;
    Ok(admin.with(Some(key["secret"].as_str().context("a key without secret")?)))
}
