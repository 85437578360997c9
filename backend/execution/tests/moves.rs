//! A thousand seeded moves with a fault in any phase: nothing is lost, nothing is doubled.
//!
//! Each move stops after a random step, repeats steps, sends orders of an older epoch, loses a
//! node, or goes through. Afterwards the instance must be exactly where an undisturbed one is.

use std::sync::Arc;

use headroom_execution::*;
use headroom_market::shadow::Rules;

const INTERVAL: i64 = 250_000;

struct Feed;

impl InputFeed for Feed {
    fn input(&self, instance: &InstanceId, position: u64) -> Option<Input> {
        let payload = format!("{instance}{position}").into_bytes();
        let cpu = 20 + position % 60;
        Some(Input {
            due_at_micros: position as i64 * INTERVAL,
            bytes: DemandInput::for_interval(cpu, INTERVAL as u64, 500, 200, payload).encode(),
        })
    }
}

fn cluster() -> Cluster {
    let cluster = Cluster::new(Config::default(), Arc::new(Feed)).expect("built-in guests load");
    for id in ["a", "b", "c"] {
        cluster.ensure_node(NodeSpec {
            id: id.into(),
            name: id.to_owned(),
            pool: "general".into(),
            pop: "fra".into(),
            tier: "edge".into(),
            capacity: Limits::new(1_000, 4_096),
            properties: Default::default(),
        });
    }
    cluster
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % sides
    }
}

fn limits() -> Limits {
    Limits::new(300, 1_024)
}

/// What the saga knows: where the instance is and under which epoch.
struct Saga {
    cluster: Cluster,
    id: InstanceId,
    node: NodeId,
    epoch: u64,
    now: i64,
    dice: Dice,
    ended: [u64; 4],
}

impl Saga {
    fn pass(&mut self) {
        self.now += INTERVAL * (1 + self.dice.roll(6) as i64);
        self.cluster.advance(self.now);
        let copies = self.cluster.observe(&self.id, Detail::Counters).expect("known");
        let active = copies.iter().filter(|copy| copy.role == Role::Active).count();
        assert!(active <= 1, "two copies are active");
    }

    /// A call, now and then twice, and now and then one of an older epoch beside it.
    fn twice<T: PartialEq + std::fmt::Debug>(&mut self, call: impl Fn(&Cluster) -> Result<T, DriverError>) -> T {
        let first = call(&self.cluster).expect("the step works");
        if self.dice.roll(3) == 0 {
            assert_eq!(call(&self.cluster).expect("the repeat works"), first);
        }
        if self.dice.roll(3) == 0 && self.epoch > 1 {
            let key = OpKey::new("zombie", self.now.to_string());
            let old = self.cluster.resize(&key, &self.id, self.epoch - 1, &Limits::new(1, 1));
            assert_eq!(old.map_err(|error| error.code()), Err("stale_epoch"));
        }
        first
    }

    /// The node is lost: start again elsewhere from the checkpoint, under a newer epoch.
    fn lose(&mut self, node: &NodeId, swap: &str) {
        self.cluster.set_node_up(node, false).expect("known");
        self.pass();
        self.cluster.set_node_up(node, true).expect("known");
        let copies = self.cluster.observe(&self.id, Detail::Counters).expect("known");
        if copies.iter().any(|copy| copy.role == Role::Active) {
            return;
        }
        self.epoch += 1;
        let key = OpKey::new(swap, "recover");
        if copies.iter().any(|copy| copy.role == Role::Fenced) {
            let (id, epoch) = (self.id.clone(), self.epoch);
            self.node = self.twice(|c| c.rollback(&key, &id, epoch)).node;
            return;
        }
        let request = StartRequest {
            instance: self.id.clone(),
            node: self.node.clone(),
            epoch: self.epoch,
            program: Program("steady".into()),
            limits: limits(),
            from: StartFrom::Checkpoint,
        };
        self.twice(|c| c.start(&key, &request));
    }

    fn one_move(&mut self, number: u64) {
        let swap = format!("swp_{number}");
        let key = |step: &str| OpKey::new(swap.clone(), step);
        let others: Vec<&str> = ["a", "b", "c"].into_iter().filter(|n| *n != self.node.as_str()).collect();
        let target = NodeId::from(others[self.dice.roll(2) as usize]);
        let (source, id, before) = (self.node.clone(), self.id.clone(), self.epoch);
        let fault = self.dice.roll(16);
        let lost = if self.dice.roll(2) == 0 { source.clone() } else { target.clone() };
        self.pass();
        self.twice(|c| c.checkpoint(&key("checkpoint"), &id, before));
        self.pass();

        let full = self.twice(|c| c.snapshot(&key("full"), &id, before, None));
        self.twice(|c| c.transfer(&key("send"), &id, before, &full.id, &target));
        let request = ShadowRequest {
            instance: id.clone(),
            epoch: before,
            node: target.clone(),
            snapshot: full.id.clone(),
            limits: limits(),
            rules: Rules::default(),
        };
        self.twice(|c| c.start_shadow(&key("shadow"), &request));
        self.pass();
        if fault == 0 {
            self.lose(&lost, &swap);
        }
        if fault <= 1 {
            self.twice(|c| c.drop_shadow(&key("drop"), &id));
            self.ended[0] += 1;
            return;
        }
        let report = self.cluster.shadow_report(&id).expect("runs");
        assert_eq!((report.comparison.differences_total, report.aborted), (0, None));

        self.epoch += 1;
        let epoch = self.epoch;
        let fenced = self.twice(|c| c.fence(&key("fence"), &id, before, epoch));
        self.pass();
        if fault == 2 {
            self.lose(&lost, &swap);
        }
        if fault == 3 || (fault == 2 && self.epoch == epoch) {
            self.epoch += 1;
            let epoch = self.epoch;
            let back = self.twice(|c| c.rollback(&key("rollback"), &id, epoch));
            assert_eq!(back.state_hash, fenced.state_hash);
        }
        if fault <= 3 {
            self.ended[1] += 1;
            return;
        }
        let last = self.twice(|c| c.snapshot(&key("last"), &id, epoch, Some(&full.id)));
        self.twice(|c| c.transfer(&key("send-last"), &id, epoch, &last.id, &target));
        let request = ActivateRequest {
            instance: id.clone(),
            node: target.clone(),
            epoch,
            snapshot: last.id.clone(),
            limits: limits(),
        };
        let activated = self.twice(|c| c.activate(&key("activate"), &request));
        assert_eq!(activated.state_hash, fenced.state_hash);
        self.pass();
        if fault <= 5 {
            self.epoch += 1;
            let epoch = self.epoch;
            self.twice(|c| c.rollback(&key("rollback"), &id, epoch));
            self.ended[2] += 1;
            return;
        }
        self.twice(|c| c.release(&key("release"), &id, epoch));
        self.node = target;
        if fault == 6 {
            let node = self.node.clone();
            self.lose(&node, &swap);
        }
        self.ended[3] += 1;
    }
}

#[test]
fn a_thousand_moves_with_faults_in_every_phase() {
    let id = InstanceId::from("ins_m");
    let cluster = cluster();
    let request = StartRequest {
        instance: id.clone(),
        node: "a".into(),
        epoch: 1,
        program: Program("steady".into()),
        limits: limits(),
        from: StartFrom::Fresh,
    };
    cluster.start(&OpKey::new("boot", "start"), &request).expect("starts");
    let mut saga = Saga { cluster, id: id.clone(), node: "a".into(), epoch: 1, now: 0, dice: Dice(20), ended: [0; 4] };
    let undisturbed = self::cluster();
    undisturbed.start(&OpKey::new("boot", "start"), &request).expect("starts");
    let mut seen = 0;
    for number in 0..1_000 {
        saga.one_move(number);
        saga.pass();
        // Outputs are taken as they come, as the server does: each position once, in order.
        undisturbed.advance(saga.now);
        let (expected, outputs) =
            (undisturbed.outputs(&id, seen).expect("known"), saga.cluster.outputs(&id, seen).expect("known"));
        let bytes = |records: &[OutputRecord]| -> Vec<(u64, Vec<u8>)> {
            records.iter().map(|r| (r.position, r.bytes.clone())).collect()
        };
        assert_eq!(bytes(&outputs), bytes(&expected), "move {number}");
        seen = outputs.last().map_or(seen, |record| record.position + 1);

        let state = |cluster: &Cluster| {
            let copies = cluster.observe(&id, Detail::WithStateHash).expect("known");
            let active = copies.into_iter().find(|copy| copy.role == Role::Active);
            active.map(|copy| (copy.position, copy.state_hash))
        };
        assert_eq!(state(&saga.cluster), state(&undisturbed), "move {number}");
        let nodes = saga.cluster.nodes();
        let here: Vec<&NodeStatus> = nodes.iter().filter(|node| node.copies > 0).collect();
        assert_eq!((here.len(), &here[0].spec.id), (1, &saga.node), "move {number}");
        assert_eq!(here[0].copies, 1, "move {number}");
    }
    eprintln!("aborted, before and after activation rolled back, done: {:?}", saga.ended);
    assert!(saga.ended.iter().all(|count| *count > 50), "{:?}", saga.ended);
}
