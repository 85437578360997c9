//! What `up --demo` seeds: two POPs, three tiers, six nodes, six teams with 24 workloads,
//! their strategies, and the orders that make the first minutes show the whole chain.
//!
//! Everything goes through the same commands as the API's; nothing is written past them.
use crate::app::passwords;
use crate::app::secret::random_hex;
use crate::demo::access::{Access, DemoUser};
use crate::demo::errands::has_errands;
use crate::sequencer::{Attached, Outcome, Sequencer};
use anyhow::{Context, bail};
use headroom_market::book::{Assurance, OrderRequest, PoolChoice, Side, Window};
use headroom_market::command::{Command, NewInstance};
use headroom_market::ids::*;
use headroom_market::market::Rhythm;
use headroom_market::participant::{Membership, Role};
use headroom_market::pool::{ReserveStep, Tier};
use headroom_market::time::Timestamp;
use headroom_market::units::{Amounts, Credits, Price, Resource, Share};
use headroom_market::workload::{AtEnd, AutoBid, AutoOffer, Class, ComparisonRules, Strategy};
use std::collections::BTreeMap;

/// 100 % of a trace entity's CPU and memory.
pub const FULL_CPU_MILLI: u64 = 4000;
pub const FULL_MEM_MIB: u64 = 4000;

/// 60 s slots, lead time 10 s, a round every 5 s.
pub const RHYTHM: Rhythm = Rhythm { slot_seconds: 60, horizon_slots: 6, lead_seconds: 10, round_seconds: 5 };

/// So many rounds may go by before the gate of the first slot that is traded closes: memory is sold to
/// nobody before a drill has shown that it comes back, and a drill takes a slow machine some seconds.
const ROUNDS_BEFORE_FIRST_SLOT: i64 = 5;

const CPU_RESERVE: &str = "0.000900";
const MEM_RESERVE: &str = "0.000060";

struct PoolSeed {
    slug: &'static str,
    name: &'static str,
    pop: &'static str,
    tier: Tier,
    /// Multiplies the reserve prices, in percent.
    price_percent: i64,
    nodes: &'static [(&'static str, i64, i64, i64)],
}

/// (name, cpu_milli, mem_mib, cpu model code). The model code is what the node reader reads:
/// two nodes of a pool differ in it.
const POOLS: [PoolSeed; 3] = [
    PoolSeed {
        slug: "fra1-gp",
        name: "Frankfurt, general purpose",
        pop: "fra1",
        tier: Tier::GeneralPurpose,
        price_percent: 100,
        nodes: &[("fra1-gp-a", 6500, 9000, 61), ("fra1-gp-b", 16000, 12000, 85)],
    },
    PoolSeed {
        slug: "fra1-hp",
        name: "Frankfurt, high performance",
        pop: "fra1",
        tier: Tier::HighPerformance,
        price_percent: 160,
        nodes: &[("fra1-hp-a", 14000, 12000, 106), ("fra1-hp-b", 14000, 12000, 106)],
    },
    PoolSeed {
        slug: "ams1-lp",
        name: "Amsterdam, low priority",
        pop: "ams1",
        tier: Tier::LowPriority,
        price_percent: 60,
        nodes: &[("ams1-lp-a", 10000, 10000, 49), ("ams1-lp-b", 10000, 10000, 49)],
    },
];

struct WorkloadSeed {
    name: &'static str,
    team: usize,
    pool: &'static str,
    node: &'static str,
    module: &'static str,
    entity: usize,
    cpu: i64,
    mem: i64,
}

const TEAMS: [&str; 6] =
    ["Genomics Core", "Checkout", "Search Ranking", "Risk Models", "Video Encoding", "Weather Lab"];

#[expect(clippy::too_many_arguments, reason = "one row of the table below")]
const fn workload(
    name: &'static str,
    team: usize,
    pool: &'static str,
    node: &'static str,
    module: &'static str,
    entity: usize,
    cpu: i64,
    mem: i64,
) -> WorkloadSeed {
    WorkloadSeed { name, team, pool, node, module, entity, cpu, mem }
}

/// Baselines are near each entity's mean, so that peaks go beyond them. Node fra1-gp-a is
/// full of baselines: whoever grows there has to move.
const WORKLOADS: [WorkloadSeed; 24] = [
    workload("variant-calling", 0, "fra1-gp", "fra1-gp-a", "steady", 0, 1200, 1000),
    workload("alignment", 0, "fra1-gp", "fra1-gp-a", "node_reader", 1, 1500, 800),
    workload("annotation", 0, "fra1-hp", "fra1-hp-a", "batch", 2, 1500, 800),
    workload("cohort-index", 0, "ams1-lp", "ams1-lp-a", "steady", 3, 1300, 1000),
    workload("cart", 1, "fra1-gp", "fra1-gp-a", "steady", 4, 900, 700),
    workload("payments", 1, "fra1-hp", "fra1-hp-a", "steady", 5, 1100, 800),
    workload("fraud-check", 1, "fra1-hp", "fra1-hp-b", "batch", 6, 1900, 600),
    workload("receipts", 1, "ams1-lp", "ams1-lp-b", "steady", 7, 2400, 600),
    workload("ranker", 2, "fra1-hp", "fra1-hp-b", "steady", 8, 2400, 900),
    workload("query-cache", 2, "fra1-gp", "fra1-gp-b", "steady", 9, 2400, 900),
    workload("index-merge", 2, "ams1-lp", "ams1-lp-a", "batch", 10, 1800, 1200),
    workload("spell", 2, "fra1-gp", "fra1-gp-a", "steady", 11, 1300, 700),
    workload("var-nightly", 3, "fra1-hp", "fra1-hp-a", "batch", 12, 2900, 600),
    workload("stress-tests", 3, "fra1-gp", "fra1-gp-b", "steady", 13, 1700, 2000),
    workload("pricing", 3, "fra1-gp", "fra1-gp-b", "steady", 14, 1500, 900),
    workload("limits", 3, "ams1-lp", "ams1-lp-b", "steady", 15, 1300, 1200),
    workload("transcode-hd", 4, "ams1-lp", "ams1-lp-b", "batch", 16, 1200, 900),
    workload("transcode-4k", 4, "fra1-hp", "fra1-hp-b", "batch", 17, 3000, 700),
    workload("thumbnails", 4, "fra1-gp", "fra1-gp-a", "steady", 18, 1300, 1100),
    workload("packaging", 4, "ams1-lp", "ams1-lp-a", "steady", 19, 1200, 1000),
    workload("forecast-eu", 5, "fra1-hp", "fra1-hp-a", "batch", 20, 2600, 600),
    workload("ensemble", 5, "fra1-gp", "fra1-gp-b", "steady", 21, 1700, 700),
    workload("radar-ingest", 5, "ams1-lp", "ams1-lp-b", "steady", 22, 1600, 800),
    workload("archive", 5, "ams1-lp", "ams1-lp-a", "steady", 23, 1400, 600),
];

/// Where what is lent may be taken back, too, and whose bids are for that.
const RECALLABLE_POOL: &str = "fra1-gp";
const TAKES_RECALLABLE: [&str; 2] = ["stress-tests", "thumbnails"];

/// The trace entity behind a demo workload.
pub fn entity_of(name: &str) -> Option<usize> {
    WORKLOADS.iter().find(|w| w.name == name).map(|w| w.entity)
}

struct Seeder<'a> {
    sequencer: &'a Sequencer,
}

impl Seeder<'_> {
    async fn run(&self, command: Command) -> anyhow::Result<serde_json::Value> {
        match self.sequencer.internal(command, Attached::default()).await? {
            Outcome::Object(document) | Outcome::Pending(document) => Ok(serde_json::from_str(&document)?),
            Outcome::Refused(refusal) => {
                bail!("the seed was refused: {} {} {}", refusal.code, refusal.pointer, refusal.detail)
            }
            _ => Ok(serde_json::Value::Null),
        }
    }
    async fn id<T: std::str::FromStr>(&self, command: Command) -> anyhow::Result<T> {
        let value = self.run(command).await?;
        let text = value["id"].as_str().context("the reply has no id")?;
        text.parse().ok().context("the reply's id is of another kind")
    }
}

fn amounts(cpu: i64, mem: i64) -> Amounts {
    [(Resource::CpuMilli, cpu), (Resource::MemMib, mem)].into()
}

fn price(text: &str, percent: i64) -> Price {
    let units: Price = text.parse().unwrap_or_default();
    // Whole micro-credits: reserve prices have 6 digits.
    Price::from_units(units.units() * percent / 100 / 1000 * 1000)
}

/// Seeds the demo into an empty market.
pub async fn seed(sequencer: &Sequencer, now: Timestamp, url: &str, fixed: Option<u64>) -> anyhow::Result<Access> {
    let seeder = Seeder { sequencer };
    let nodes = pools(&seeder, now).await?;
    let operator: ParticipantId = seeder
        .id(Command::CreateParticipant {
            name: "Exchange operator".to_owned(),
            platform: true,
            quota: Amounts::new(),
            open_order_limit: 0,
            instance_limit: None,
            highest_class: None,
        })
        .await?;
    let mut teams = Vec::new();
    for name in TEAMS {
        let quota = amounts(40_000, 40_000);
        let id: ParticipantId = seeder
            .id(Command::CreateParticipant {
                name: name.to_owned(),
                platform: false,
                quota,
                open_order_limit: 2_000,
                instance_limit: None,
                highest_class: None,
            })
            .await?;
        seeder.run(Command::Grant { participant: id, amount: "20000".parse()?, reason: None }).await?;
        teams.push(id);
    }
    let workloads = workloads(&seeder, &teams, &nodes).await?;
    first_orders(&seeder, now, &teams, &workloads).await?;
    users(&seeder, url, operator, &teams, fixed).await
}

async fn pools(seeder: &Seeder<'_>, now: Timestamp) -> anyhow::Result<BTreeMap<&'static str, NodeId>> {
    let mut nodes = BTreeMap::new();
    for pool in &POOLS {
        let resources = vec![Resource::CpuMilli, Resource::MemMib];
        let release_start = "0.4".parse()?;
        let (slug, name, pop) = (pool.slug.to_owned(), pool.name.to_owned(), pool.pop.to_owned());
        seeder.run(Command::CreatePool { slug, name, pop, tier: pool.tier, resources, release_start }).await?;
        for (name, cpu, mem, model) in pool.nodes {
            let properties = [("cpu_model_code".to_owned(), *model)].into();
            let command = Command::CreateNode {
                name: (*name).to_owned(),
                pool: pool.slug.to_owned(),
                capacity: amounts(*cpu, *mem),
                properties,
            };
            nodes.insert(*name, seeder.id(command).await?);
        }
        for (resource, text) in [(Resource::CpuMilli, CPU_RESERVE), (Resource::MemMib, MEM_RESERVE)] {
            // Three steps: the last part of a pool is dearer.
            let step = |share: &str, percent: i64| -> anyhow::Result<ReserveStep> {
                Ok(ReserveStep {
                    share: share.parse::<Share>()?,
                    price: price(text, pool.price_percent * percent / 100),
                })
            };
            let steps = vec![step("0.6", 100)?, step("0.25", 140)?, step("0.15", 220)?];
            let effective_at = now.plus_seconds(-RHYTHM.slot_seconds);
            seeder
                .run(Command::ScheduleReserve {
                    pool: pool.slug.to_owned(),
                    resource,
                    steps,
                    effective_at,
                    expected_version: None,
                    by: None,
                })
                .await?;
        }
    }
    seeder.run(Command::OpenRecallable { pool: RECALLABLE_POOL.to_owned() }).await?;
    Ok(nodes)
}

/// Built-in modules, then the workloads with their strategies.
async fn workloads(
    seeder: &Seeder<'_>,
    teams: &[ParticipantId],
    nodes: &BTreeMap<&'static str, NodeId>,
) -> anyhow::Result<BTreeMap<&'static str, InstanceId>> {
    let mut modules = BTreeMap::new();
    for name in ["steady", "batch", "node_reader"] {
        let hash = blake3::hash(name.as_bytes()).to_hex().to_string();
        let command = Command::RegisterModule { participant: None, name: name.to_owned(), hash, size_bytes: 0 };
        modules.insert(name, seeder.id::<ModuleId>(command).await?);
    }
    let mut instances = BTreeMap::new();
    for w in &WORKLOADS {
        let pool = POOLS.iter().find(|p| p.slug == w.pool).context("pool of a workload")?;
        let automatic = Strategy {
            auto_bid: Some(AutoBid {
                shortage_cost: [
                    (Resource::CpuMilli, price("0.002400", pool.price_percent)),
                    (Resource::MemMib, price("0.000160", pool.price_percent)),
                ]
                .into(),
                promised_service_level: None,
                // Work that may wait takes what others may want back.
                assurance: if TAKES_RECALLABLE.contains(&w.name) { Assurance::Recallable } else { Assurance::Firm },
            }),
            auto_offer: Some(AutoOffer {
                minimum_price: [
                    (Resource::CpuMilli, price("0.000600", pool.price_percent)),
                    (Resource::MemMib, price("0.000040", pool.price_percent)),
                ]
                .into(),
                at_least_reserve_price: false,
                recallable_price: match pool.slug == RECALLABLE_POOL {
                    true => [(Resource::CpuMilli, price("0.000150", pool.price_percent))].into(),
                    false => BTreeMap::new(),
                },
            }),
            // A jump in the middle of a slot: what nobody has bought, for no more than waiting costs.
            draws: [(Resource::CpuMilli, price("0.002400", pool.price_percent))].into(),
            ..Strategy::default()
        };
        let strategy = if has_errands(w.name) { Strategy::default() } else { automatic };
        let new = NewInstance {
            participant: teams[w.team],
            name: w.name.to_owned(),
            driver: "wasm".to_owned(),
            module: modules[w.module],
            arguments: Vec::new(),
            pool: w.pool.to_owned(),
            node: Some(nodes[w.node]),
            class: Class::Standard,
            baseline: amounts(w.cpu, w.mem),
            floor: amounts(w.cpu / 4, w.mem / 4),
            // The driver gives a guest at most 4096 MiB.
            limit: amounts(w.cpu * 3, (w.mem * 3).min(4096)),
            at_end: AtEnd::Shrink,
            comparison: ComparisonRules::default(),
            strategy,
        };
        instances.insert(w.name, seeder.id::<InstanceId>(Command::RegisterInstance(Box::new(new))).await?);
    }
    Ok(instances)
}

/// Bids that the first minutes need before there is any forecast: one that has to move and
/// can, one that has to move and must not, one that grows in place, and offers.
async fn first_orders(
    seeder: &Seeder<'_>,
    now: Timestamp,
    teams: &[ParticipantId],
    workloads: &BTreeMap<&'static str, InstanceId>,
) -> anyhow::Result<()> {
    let first = RHYTHM.first_open(now.plus_seconds(ROUNDS_BEFORE_FIRST_SLOT * RHYTHM.round_seconds));
    const SLOTS: i64 = 3;
    let bids = [
        ("variant-calling", amounts(1200, 800), "6.5"),
        ("alignment", amounts(1000, 600), "5.5"),
        ("query-cache", amounts(600, 300), "3.2"),
    ];
    let bids = bids.map(|(name, resources, limit)| (name, Side::Bid, resources, 0, SLOTS, limit));
    // What its trace leaves of its baseline, an offer for each slot.
    let lent = |slot| ("ensemble", Side::Offer, Amounts::from([(Resource::CpuMilli, 300)]), slot, 1, "0.2");
    for (name, side, resources, ahead, slots, limit) in bids.into_iter().chain((0..SLOTS).map(lent)) {
        let first = first.plus(ahead, RHYTHM.slot_seconds);
        let w = WORKLOADS.iter().find(|w| w.name == name).context("workload of an order")?;
        let request = OrderRequest {
            instance: Some(workloads[name]),
            window: Window { start_at: first.start(), end_at: first.plus(slots, RHYTHM.slot_seconds).start() },
            latest_start_at: None,
            replicas: 1,
            resources,
            pools: vec![PoolChoice { pool: w.pool.to_owned(), adder: Credits::ZERO }],
            assurance: Default::default(),
            limit: limit.parse()?,
            min_fill: Default::default(),
            time_in_force: Default::default(),
            expires_at: None,
            resell: Default::default(),
            project: None,
            no_displacement: false,
            min_run_slots: 0,
            class: Class::Standard,
            client_bid_id: None,
        };
        let command =
            Command::PlaceOrder { participant: teams[w.team], side, request: Box::new(request), client_order: None };
        seeder.run(command).await?;
    }
    Ok(())
}

/// One user for each role, and a second bidder of another team, with an API key each.
async fn users(
    seeder: &Seeder<'_>,
    url: &str,
    operator: ParticipantId,
    teams: &[ParticipantId],
    fixed: Option<u64>,
) -> anyhow::Result<Access> {
    let people: [(&str, &str, Role, ParticipantId); 6] = [
        ("Ines Ortega", "bidder@demo.example.org", Role::Bidder, teams[0]),
        ("Tom Adeyemi", "tenant@demo.example.org", Role::Tenant, teams[1]),
        ("Fatima Khan", "finance@demo.example.org", Role::Finance, operator),
        ("Ada Novak", "admin@demo.example.org", Role::Admin, operator),
        ("Otto Berg", "operator@demo.example.org", Role::Operator, operator),
        ("Bea Lindt", "bidder2@demo.example.org", Role::Bidder, teams[2]),
    ];
    let mut access = Access { url: url.to_owned(), users: Vec::new() };
    for (index, (name, email, role, participant)) in people.into_iter().enumerate() {
        // Two secrets: whoever sees the password knows nothing of the key.
        let (of_key, of_password) = (secret(fixed, "key", index)?, secret(fixed, "password", index)?);
        let password = format!("demo-{}", &of_password[..16]);
        let mut salt = [0u8; 16];
        salt.copy_from_slice(&blake3::hash(of_password.as_bytes()).as_bytes()[..16]);
        let hashed = password.clone();
        let password_hash = tokio::task::spawn_blocking(move || passwords::hash(&hashed, &salt)).await?;
        let membership = Membership { participant, role };
        let command = Command::CreateUser {
            email: email.to_owned(),
            name: name.to_owned(),
            password_hash,
            memberships: vec![membership],
        };
        let user: UserId = seeder.id(command).await?;
        let api_key = format!("xk_test_{of_key}");
        let secret_hash = crate::app::directory::secret_hash(&api_key);
        let prefix = api_key[..16].to_owned();
        let scopes = Vec::new();
        let command = Command::CreateKey {
            name: "demo".to_owned(),
            user,
            membership,
            scopes,
            prefix,
            secret_hash,
            expires_at: None,
            made_by: None,
        };
        seeder.run(command).await?;
        let (role, email) = (role.name().to_owned(), email.to_owned());
        access.users.push(DemoUser { role, participant, email, password, api_key });
    }
    Ok(access)
}

/// Chance in production, derived in a simulation so that two runs are equal to the byte.
fn secret(fixed: Option<u64>, of: &str, index: usize) -> anyhow::Result<String> {
    match fixed {
        Some(seed) => Ok(blake3::hash(format!("demo {of} {seed} {index}").as_bytes()).to_hex().to_string()),
        None => random_hex().map_err(|_| anyhow::anyhow!("no random numbers")),
    }
}
