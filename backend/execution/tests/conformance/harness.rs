//! A cluster under a simulated clock, a recorded load, and the calls that most tests begin with.
use std::sync::Arc;

use headroom_execution::*;
use headroom_market::shadow::Rules;

/// A recorded service load: one input each 250 ms, its demand a function of the position.
pub struct Load {
    pub cpu_milli: fn(u64) -> u64,
    pub mem_kib: fn(u64) -> u32,
    pub until: u64,
}

pub const INTERVAL: i64 = 250_000;
pub const START: i64 = 1_763_600_000_000_000;

impl Load {
    pub fn calm() -> Self {
        Self { cpu_milli: |p| 50 + p * 7 % 100, mem_kib: |p| 200 + (p % 40) as u32 * 8, until: u64::MAX }
    }
}

impl InputFeed for Load {
    fn input(&self, instance: &InstanceId, position: u64) -> Option<Input> {
        if position >= self.until {
            return None;
        }
        let payload = format!("{instance} says {position}").into_bytes();
        let (cpu, mem) = ((self.cpu_milli)(position), (self.mem_kib)(position));
        Some(Input {
            due_at_micros: START + position as i64 * INTERVAL,
            bytes: DemandInput::for_interval(cpu, INTERVAL as u64, 5_000, mem, payload).encode(),
        })
    }
}

/// A driver with a way to let time pass. Another driver's suite implements these four.
pub struct Harness {
    pub cluster: Cluster,
    pub driver: Arc<dyn Driver>,
}

impl Harness {
    pub fn new(load: Load) -> Self {
        Self::with(Config::default(), load)
    }

    pub fn with(config: Config, load: Load) -> Self {
        let cluster = Cluster::new(config, Arc::new(load)).expect("built-in guests load");
        for (id, model) in [("n1", 1), ("n2", 2), ("n3", 1)] {
            cluster.ensure_node(NodeSpec {
                id: id.into(),
                name: id.to_uppercase(),
                pool: "general".into(),
                pop: "fra".into(),
                tier: "edge".into(),
                capacity: Limits::new(4_000, 16_384),
                properties: [("cpu_model_code".to_owned(), model)].into(),
            });
        }
        cluster.advance(START);
        Self { driver: Arc::new(cluster.clone()), cluster }
    }

    /// Until the first `positions` inputs were due.
    pub fn pass(&self, positions: u64) {
        self.cluster.advance(START + (positions as i64 - 1) * INTERVAL + 200_000);
    }

    pub fn outputs(&self, instance: &InstanceId) -> Vec<(u64, Vec<u8>)> {
        let records = self.cluster.outputs(instance, 0).expect("known");
        records.into_iter().map(|r| (r.position, r.bytes)).collect()
    }
}

pub fn key(step: &str) -> OpKey {
    OpKey::new("swp_1", step)
}

pub fn start(d: &dyn Driver, id: &InstanceId, program: &str) -> Started {
    d.start(&OpKey::new("boot", id.as_str()), &start_request(id, program)).expect("starts")
}

pub fn start_request(id: &InstanceId, program: &str) -> StartRequest {
    StartRequest {
        instance: id.clone(),
        node: "n1".into(),
        epoch: 1,
        program: Program(program.into()),
        limits: limits(),
        from: StartFrom::Fresh,
    }
}

pub fn limits() -> Limits {
    Limits::new(400, 1_024)
}

pub fn active(d: &dyn Driver, id: &InstanceId) -> Observation {
    let copies = d.observe(id, Detail::WithStateHash).expect("known");
    copies.into_iter().find(|o| o.role == Role::Active).expect("an active copy")
}

pub fn code<T: std::fmt::Debug>(result: Result<T, DriverError>) -> &'static str {
    result.expect_err("a refusal").code()
}

/// Snapshot, transfer, shadow on `to`.
pub fn shadow_on(d: &dyn Driver, id: &InstanceId, epoch: u64, to: &str) -> SnapshotId {
    let first = d.snapshot(&key("full"), id, epoch, None).expect("snapshot");
    d.transfer(&key("send"), id, epoch, &first.id, &to.into()).expect("transfer");
    let request = ShadowRequest {
        instance: id.clone(),
        epoch,
        node: to.into(),
        snapshot: first.id.clone(),
        limits: limits(),
        rules: Rules::default(),
    };
    d.start_shadow(&key("shadow"), &request).expect("shadow");
    first.id
}

/// Fence, last differential, activate.
pub fn cut_over(
    d: &dyn Driver,
    id: &InstanceId,
    epoch: u64,
    base: &SnapshotId,
    to: &str,
) -> (Fenced, SnapshotInfo, Activated) {
    let fenced = d.fence(&key("fence"), id, epoch, epoch + 1).expect("fence");
    let last = d.snapshot(&key("last"), id, epoch + 1, Some(base)).expect("differential");
    d.transfer(&key("send-last"), id, epoch + 1, &last.id, &to.into()).expect("transfer");
    let request = activate_request(id, epoch + 1, &last.id, to);
    let activated = d.activate(&key("activate"), &request).expect("activate");
    (fenced, last, activated)
}

pub fn activate_request(id: &InstanceId, epoch: u64, snapshot: &SnapshotId, to: &str) -> ActivateRequest {
    ActivateRequest { instance: id.clone(), node: to.into(), epoch, snapshot: snapshot.clone(), limits: limits() }
}

pub fn verify_request(id: &InstanceId, epoch: u64, node: &str, min_progress: u64) -> VerifyRequest {
    VerifyRequest { instance: id.clone(), node: node.into(), epoch, limits: limits(), min_progress, watched_micros: 0 }
}

/// State and outputs of an undisturbed run.
pub fn undisturbed(program: &str, positions: u64) -> (String, Vec<(u64, Vec<u8>)>) {
    let h = Harness::new(Load::calm());
    let id = InstanceId::from("ins_a");
    start(&*h.driver, &id, program);
    h.pass(positions);
    let seen = active(&*h.driver, &id);
    assert_eq!((seen.position, seen.fault), (positions, None));
    (seen.state_hash.expect("asked for"), h.outputs(&id))
}

/// A newer epoch, on the node that the placements name.
pub fn placed_on(saved: &Saved, node: &str) -> Option<Placement> {
    Some(Placement { node: node.into(), epoch: saved.epoch + 1, limits: Limits::new(500, 1_024) })
}
