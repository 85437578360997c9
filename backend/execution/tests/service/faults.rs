//! Many moves of a real service between this host and one with an agent, each with a fault in one of its phases.
//!
//! Clients write numbered updates all the time. The program notes each in a file that all copies share, with its node and
//! process, and then answers. So a lost update is one that was answered and is not there, and two copies that act at once
//! show as processes that take turns in the file.
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use headroom_execution::service::Services;
use headroom_execution::{ActivateRequest, Driver, DriverError, OpKey, SnapshotId};
use headroom_market::shadow::Verdict;
use rustix::process::{Pid, Signal, kill_process};

use crate::places::{Elsewhere, Host};
use crate::world::{Client, Move, PYTHON, World, id, limits, node, wait_for};
use crate::{A, B};

/// Enough for each fault in each phase.
const MOVES: usize = FAULTS.len() * STEPS;
/// A copy begins, is compared, the fence, the activation, the verification, the release; the last is after all of them.
const STEPS: usize = 7;
const CPU: u64 = 2_000;
/// Begins in some 20 ms, as it needs no library of HTTP. Each second update takes its time: a fence has to wait for it.
const NOTES: &str = r#"
import os, socket, sys, time, _thread
shared, node, pid = sys.argv[1], os.environ["HEADROOM_NODE"], os.getpid()
if os.path.exists(shared + "/refuse"): sys.exit("no licence")
updates = os.open(shared + "/updates", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def serve(client):
    read = b""
    while True:
        while b"\r\n\r\n" not in read:
            part = client.recv(4096)
            if not part: return
            read += part
        head, read = read.split(b"\r\n\r\n", 1)
        method, path = head.split(b" ", 2)[:2]
        if method == b"POST" and int(path[1:]) % 2 == 0: time.sleep(0.02)
        if method == b"POST": os.write(updates, b"%s %s %d\n" % (path[1:], node.encode(), pid))
        client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")
        if b"Connection: close" in head: return client.close()
listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=128)
while True: _thread.start_new_thread(serve, (listener.accept()[0],))
"#;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Nothing,
    Source,
    Target,
    BothCopies,
    Exchange,
    Agent,
    ExchangeAndAgent,
    /// The target's program does not begin.
    Refused,
}

const FAULTS: [Fault; 8] = [
    Fault::Nothing,
    Fault::Source,
    Fault::Target,
    Fault::BothCopies,
    Fault::Exchange,
    Fault::Agent,
    Fault::ExchangeAndAgent,
    Fault::Refused,
];

impl Fault {
    fn ends_exchange(self) -> bool {
        matches!(self, Self::Exchange | Self::ExchangeAndAgent)
    }

    fn ends_copies(self) -> bool {
        matches!(self, Self::Source | Self::Target | Self::BothCopies)
    }

    fn ends_source(self) -> bool {
        matches!(self, Self::Source | Self::BothCopies)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Done,
    Aborted,
    RolledBack,
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// Clients that write updates, each with its own number, and read between them.
struct Updates {
    stop: Arc<AtomicBool>,
    answered: Arc<Mutex<BTreeSet<u64>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Updates {
    fn begin(world: &World) -> Self {
        let (stop, answered, next) = (Arc::<AtomicBool>::default(), Arc::default(), Arc::<AtomicU64>::default());
        let call =
            |mut client: Client, stop: Arc<AtomicBool>, answered: Arc<Mutex<BTreeSet<u64>>>, next: Arc<AtomicU64>| {
                while !stop.load(Ordering::SeqCst) {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if let Ok((200, _)) = client.call("POST", &format!("/{number}")) {
                        answered.lock().expect("a list").insert(number);
                    }
                    let _ = client.get("/page");
                    sleep(Duration::from_millis(8));
                }
            };
        let thread = |_| {
            let (client, stop, answered, next) = (world.client(), stop.clone(), Arc::clone(&answered), next.clone());
            std::thread::spawn(move || call(client, stop, answered, next))
        };
        Self { threads: (0..2).map(thread).collect(), stop: stop.clone(), answered: answered.clone() }
    }

    fn answered(&self) -> usize {
        self.answered.lock().expect("a list").len()
    }

    fn end(self) -> BTreeSet<u64> {
        self.stop.store(true, Ordering::SeqCst);
        self.threads.into_iter().for_each(|thread| thread.join().expect("a client"));
        self.answered.lock().expect("a list").clone()
    }
}

/// A service, where the market has it, and its epoch there.
struct Life {
    world: World,
    host: Arc<Host>,
    random: Random,
    at: &'static str,
    epoch: u64,
    /// Lines of the updates that earlier moves have left.
    seen: usize,
}

impl Life {
    fn begin(name: &str, seed: u64) -> Option<Self> {
        let world = World::new(name)?;
        let command = format!("command = [{PYTHON:?}, \"-ISE\", \"{{folder}}/notes.py\", {:?}]", world.folder.path());
        world.define(&command, &[("notes.py", NOTES)], "min_compared = 5\nlatency_allowance_millis = 60000");
        let host = Host::new(&world);
        let mut life = Self { world, host, random: Random(seed), at: A, epoch: 1, seen: 0 };
        life.attach();
        life.world.start(A, 1, CPU).expect("started");
        Some(life)
    }

    fn attach(&mut self) {
        let elsewhere = Arc::new(Elsewhere(self.host.clone()));
        self.world.change(|services: Services| services.with_others(elsewhere));
    }

    fn the_move(&self, swap: &'static str, to: &'static str) -> Move<'_> {
        Move { services: self.world.services(), swap, epoch: self.epoch, to, cpu_milli: CPU }
    }

    /// Every process of a copy, with the name of its group.
    fn processes(&self) -> BTreeMap<u32, String> {
        let mut all = self.world.processes();
        all.extend(self.world.processes_of(&format!("{}-host", self.world.name)));
        all
    }

    fn processes_at(&self, at: &str) -> Vec<u32> {
        let group = format!("ins_a.{at}");
        self.processes().into_iter().filter(|(_, name)| *name == group).map(|(pid, _)| pid).collect()
    }

    fn kill(&self, at: &str) {
        wait_for("the end of a copy", || {
            let left = self.processes_at(at);
            for pid in left.iter().filter_map(|pid| Pid::from_raw(i32::try_from(*pid).ok()?)) {
                let _ = kill_process(pid, Signal::KILL);
            }
            left.is_empty().then_some(())
        });
    }

    fn strike(&mut self, fault: Fault) {
        if fault.ends_exchange() {
            self.world.crash();
            self.attach();
        }
        if matches!(fault, Fault::Agent | Fault::ExchangeAndAgent) {
            self.host.crash(&self.world);
        }
        if fault == Fault::Refused {
            std::fs::write(self.world.path("refuse"), "").expect("written");
        }
    }

    fn strike_copies(&self, fault: Fault, to: &str) {
        if fault.ends_source() {
            self.kill(self.at);
        }
        if fault != Fault::Source {
            self.kill(to);
        }
    }

    /// One move by the rules of the saga. `struck` is the step in which its fault comes.
    fn move_on(&mut self, number: usize, struck: usize, fault: Fault) -> End {
        let (from, to) = (self.at, if self.at == A { B } else { A });
        let swap: &'static str = format!("swap-{number}").leak();
        let mut end = End::Done;
        for step in 0..STEPS {
            // Clients go on for a while.
            let [pause, later] = [0; 2].map(|_| Duration::from_millis(self.random.below(16)));
            sleep(pause);
            if step == struck {
                self.strike(fault);
                if fault.ends_exchange() {
                    return self.come_back(from, to, step);
                }
            }
            // The limit of a phase, shorter than the saga's.
            let patience = match fault {
                Fault::Nothing => 60,
                fault if fault.ends_source() && step >= struck => 1,
                _ => 10,
            };
            let patience = Duration::from_secs(patience);
            let life = &*self;
            let taken = std::thread::scope(|scope| {
                if step == struck && fault.ends_copies() {
                    scope.spawn(move || {
                        sleep(later);
                        life.strike_copies(fault, to);
                    });
                }
                life.take(step, swap, to, patience)
            });
            if let Err(why) = taken {
                assert!(fault != Fault::Nothing, "{why}");
                end = self.undo(step, swap);
                break;
            }
        }
        let _ = std::fs::remove_file(self.world.path("refuse"));
        match end {
            End::Done => (self.at, self.epoch) = (to, self.epoch + 1),
            End::Aborted => {}
            End::RolledBack => self.epoch += 2,
        }
        end
    }

    /// Takes a step, twice with the same key. What waits is asked again, as at each tick of the saga.
    fn take(&self, step: usize, swap: &'static str, to: &'static str, patience: Duration) -> Result<(), String> {
        let (the_move, until) = (self.the_move(swap, to), Instant::now() + patience);
        loop {
            let taken = match step {
                0 => the_move.shadow().map(|_| Ok(true)),
                1 => the_move.shadow().and_then(|_| the_move.shadow()).map(|report| match report.verdict(1, false) {
                    Verdict::Pass => Ok(true),
                    Verdict::Running if report.aborted.is_none() => Ok(false),
                    other => Err(format!("{other:?} {:?}", report.aborted)),
                }),
                2 => [(), ()].iter().try_for_each(|()| self.fence(&the_move)).map(|()| Ok(true)),
                3 => the_move.activate().and_then(|first| Ok(Ok(the_move.activate()? == first))),
                4 => the_move.verified().map(|verified| Ok(verified.passed)),
                5 => {
                    // No way back: what remains is tidied up.
                    let key = the_move.key("release");
                    let release = || self.world.services().release(&key, &id(), self.epoch + 1).ok();
                    let released = wait_for("the release", release);
                    assert_eq!(release(), Some(released), "twice equals once");
                    Ok(Ok(true))
                }
                _ => Ok(Ok(true)),
            };
            match taken {
                Ok(Ok(true)) => return Ok(()),
                Ok(Err(why)) => return Err(why),
                Ok(Ok(false)) | Err(DriverError::Unanswered { .. }) if Instant::now() < until => {}
                Ok(Ok(false)) => return Err("out of time".to_owned()),
                Err(error) => return Err(error.to_string()),
            }
            sleep(Duration::from_millis(5));
        }
    }

    fn fence(&self, the_move: &Move) -> Result<(), DriverError> {
        self.world.services().fence(&the_move.key("fence"), &id(), self.epoch, self.epoch + 1).map(|_| ())
    }

    /// The way back from a step that has failed.
    fn undo(&self, step: usize, swap: &str) -> End {
        let services = self.world.services();
        if step <= 1 {
            wait_for("the end of the copy", || services.drop_shadow(&OpKey::new(swap, "drop"), &id()).ok());
            return End::Aborted;
        }
        let back = || services.rollback(&OpKey::new(swap, "rollback"), &id(), self.epoch + 2).ok();
        let first = wait_for("the way back", back);
        assert_eq!(back(), Some(first), "twice equals once");
        End::RolledBack
    }

    /// The exchange begins anew: what has begun is undone, what was about to release its source is done.
    fn come_back(&mut self, from: &'static str, to: &'static str, step: usize) -> End {
        let is_done = step == 6 || step == 5 && self.random.below(2) == 0;
        self.at = if is_done { to } else { from };
        self.epoch += 3;
        if self.at == A {
            // The agent's list has no such copy any more.
            self.host.carry_out(&[]);
        }
        wait_for("the start", || self.world.start(self.at, self.epoch, CPU).ok());
        if is_done { End::Done } else { End::RolledBack }
    }

    /// The market restarts a workload whose copy has ended.
    fn mend(&mut self) {
        if !self.processes_at(self.at).is_empty() {
            return;
        }
        let key = OpKey::new("mend", self.epoch.to_string());
        wait_for("the stop", || self.world.services().stop(&key, &id(), self.epoch).ok());
        self.epoch += 1;
        wait_for("the start", || self.world.start(self.at, self.epoch, CPU).ok());
    }

    /// Calls that come too late, from a move that has ended: all are refused.
    fn call_late(&self, number: usize) {
        let (services, old) = (self.world.services(), self.epoch - 1);
        let key = |step: &str| OpKey::new(format!("late-{number}"), step);
        let to = if self.at == A { B } else { A };
        let (instance, snapshot) = (id(), SnapshotId::new("late"));
        let request = ActivateRequest { instance, node: node(to), epoch: old, snapshot, limits: limits(CPU) };
        let refused = [
            services.fence(&key("fence"), &id(), old, old + 1).err(),
            services.activate(&key("activate"), &request).err(),
            services.release(&key("release"), &id(), old).err(),
            services.resize(&key("resize"), &id(), old, &limits(100)).err(),
            services.stop(&key("stop"), &id(), old).err(),
        ];
        for error in refused {
            assert!(matches!(error, Some(DriverError::StaleEpoch { .. })), "{error:?}");
        }
        let back = services.rollback(&key("rollback"), &id(), old);
        assert!(matches!(back, Err(DriverError::EpochNotNewer { .. })), "{back:?}");
    }

    /// One copy is there, and it acts; the others have left nothing; the file says that no two acted at once.
    fn check(&mut self, end: End, updates: &Updates, what: &str) {
        let own = format!("ins_a.{}", self.at);
        wait_for(&format!("{what}: only {own}"), || {
            self.host.carry_out_again();
            let groups: BTreeSet<String> = self.processes().into_values().collect();
            let files = [self.world.path("state"), self.world.path("host")];
            let mut files = files.iter().flat_map(|folder| std::fs::read_dir(folder).expect("a folder").flatten());
            let is_own = |file: std::fs::DirEntry| file.file_name().to_string_lossy().starts_with(&format!("{own}."));
            (groups == BTreeSet::from([own.clone()]) && files.all(is_own)).then_some(())
        });
        let before = updates.answered();
        wait_for(&format!("{what}: an update"), || (updates.answered() > before + 2).then_some(()));
        let text = std::fs::read_to_string(self.world.path("updates")).expect("the updates");
        let lines: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once(' ')).collect();
        let mut turns: Vec<&str> = lines[self.seen..].iter().map(|(_, copy)| *copy).collect();
        turns.dedup();
        self.seen = lines.len();
        let copies: BTreeSet<&str> = turns.iter().copied().collect();
        // A source that is rolled back to acts twice, and nobody else.
        let most = copies.len() + usize::from(end == End::RolledBack);
        assert!(turns.len() <= most, "{what}: they take turns: {turns:?}");
        assert!(turns.last().is_some_and(|copy| copy.starts_with(self.at)), "{what}: {turns:?}");
    }

    /// All updates that were answered are there once, and no update twice.
    fn settle(self, answered: &BTreeSet<u64>) {
        let text = std::fs::read_to_string(self.world.path("updates")).expect("the updates");
        let mut times: BTreeMap<u64, usize> = BTreeMap::new();
        for number in text.lines().filter_map(|line| line.split(' ').next()?.parse().ok()) {
            *times.entry(number).or_default() += 1;
        }
        let lost: Vec<&u64> = answered.iter().filter(|number| !times.contains_key(number)).collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
        assert!(times.values().all(|times| *times == 1), "no update has happened twice");
        self.world.services().stop(&OpKey::new("stop", "last"), &id(), self.epoch).expect("stopped");
        assert!(self.processes().is_empty(), "no process is left");
        let left = ["state", "host"].map(|name| std::fs::read_dir(self.world.path(name)).expect("a folder").count());
        assert_eq!(left, [0, 0], "no file is left");
    }
}

/// Runs moves, each fault in each phase in turn; how often each end came.
fn moves(name: &str, seed: u64, numbers: Range<usize>) -> BTreeMap<End, usize> {
    let Some(mut life) = Life::begin(name, seed) else { return BTreeMap::new() };
    let updates = Updates::begin(&life.world);
    wait_for("an update", || (updates.answered() > 0).then_some(()));
    let (count, mut ends) = (numbers.len(), BTreeMap::new());
    for number in numbers {
        let (struck, fault) = (number % STEPS, FAULTS[number / STEPS % FAULTS.len()]);
        let what = format!("{name} {number}: {fault:?} in step {struck}");
        let end = life.move_on(number, struck, fault);
        assert!(fault != Fault::Nothing || end == End::Done, "{what}: {end:?}");
        *ends.entry(end).or_default() += 1;
        life.mend();
        life.call_late(number);
        life.check(end, &updates, &what);
    }
    let answered = updates.end();
    println!("{name}: {count} moves with {} updates answered: {ends:?}", answered.len());
    life.settle(&answered);
    ends
}

/// A thousand and more: `HEADROOM_SERVICE_MOVES=1120 cargo test --release -p headroom-execution --test service faults -- --nocapture`.
#[test]
fn moves_with_faults_lose_no_update_and_end_by_themselves() {
    let asked = std::env::var("HEADROOM_SERVICE_MOVES").ok().and_then(|moves| moves.parse().ok());
    let half = asked.unwrap_or(MOVES).max(MOVES).div_ceil(2);
    // Both come to their end, also where one fails: neither leaves copies behind.
    let ends = std::thread::scope(|scope| {
        let first = scope.spawn(|| moves("faults-1", 1, 0..half));
        let mut ends = moves("faults-2", 2, half..2 * half);
        for (end, times) in first.join().expect("a life") {
            *ends.entry(end).or_default() += times;
        }
        ends
    });
    let skipped = ends.is_empty();
    assert!(skipped || ends.len() == 3, "each end is there: {ends:?}");
}
