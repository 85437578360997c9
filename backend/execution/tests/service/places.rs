//! Copies on another host: what its agent does with the exchange's list, and a move to a place that is not this host.
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use headroom_execution::service::{
    Assigned, Copy, CopyRequest, Hosted, HostedReport, Place, Readiness, Services, Usage, is_port_of_copies,
};
use headroom_execution::{Adopting, Driver, DriverError, InstanceId, Limits, NodeId, OpKey};

use crate::world::{Load, World, id, limits, node, wait_for};
use crate::{A, B, the_move};

/// The host of an agent: its copies, and the list that it was given last.
pub struct Host {
    hosted: Mutex<Arc<Hosted>>,
    list: Mutex<Vec<Assigned>>,
    /// Why no copy begins there, if so.
    closed: Mutex<Option<String>>,
}

impl Host {
    pub fn new(world: &World) -> Arc<Self> {
        let (list, closed) = (Mutex::default(), Mutex::default());
        Arc::new(Self { hosted: Mutex::new(Self::begin(world)), list, closed })
    }

    fn begin(world: &World) -> Arc<Hosted> {
        let name = format!("{}-host", world.name);
        let hosted = Hosted::new(&name, &world.path("services"), &world.path("host"), Ipv4Addr::LOCALHOST);
        hosted.expect("a state folder")
    }

    fn hosted(&self) -> Arc<Hosted> {
        self.hosted.lock().expect("a host").clone()
    }

    /// The agent ends without a word, and begins anew by the list that it had. A start that is under way comes about first:
    /// it has a thread of its own here, which would outlive the agent.
    pub fn crash(&self, world: &World) {
        wait_for("the start", || {
            let has_begun = |told: HostedReport| told.report.cpu_micros.is_some() || told.refused.is_some();
            self.told().is_none_or(has_begun).then_some(())
        });
        *self.hosted.lock().expect("a host") = Self::begin(world);
        self.carry_out_again();
    }

    /// An agent looks at its list again and again: what was under way is done then.
    pub fn carry_out_again(&self) {
        let list = self.list.lock().expect("a list").clone();
        self.carry_out(&list);
    }

    /// The fingerprint of the exchange's own definition.
    fn assigned(world: &World, epoch: u64, cpu_milli: u64) -> Assigned {
        let definition = world.services().fingerprint("web").expect("defined");
        Assigned { instance: id(), epoch, service: "web".to_owned(), definition, limits: limits(cpu_milli) }
    }

    /// Carries out a list, and then again what needs another look.
    pub fn carry_out(&self, list: &[Assigned]) {
        *self.list.lock().expect("a list") = list.to_vec();
        self.hosted().carry_out(&node(B), list, &BTreeSet::new());
    }

    fn told(&self) -> Option<HostedReport> {
        self.hosted().reports().pop()
    }

    fn ready(&self) -> HostedReport {
        wait_for("a copy that is ready", || self.told().filter(|told| told.port.is_some()))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        wait_for("the end of its copies", || {
            self.hosted().carry_out(&node(B), &[], &BTreeSet::new());
            self.hosted().reports().is_empty().then_some(())
        });
    }
}

#[test]
fn an_agent_runs_what_is_listed_until_a_list_leaves_it_out() {
    let Some(world) = World::new("hosted") else { return };
    let host = Host::new(&world);
    host.carry_out(&[Host::assigned(&world, 1, 500)]);
    let told = host.ready();
    assert_eq!((told.report.epoch, told.report.cpu_milli, told.refused.clone()), (1, 500, None));
    assert!(told.port.is_some_and(is_port_of_copies) && told.report.mem_kib > 0, "{told:?}");

    // A newer epoch and another limit restart nothing.
    host.carry_out(&[Host::assigned(&world, 3, 900)]);
    let changed = host.ready();
    assert_eq!((changed.report.epoch, changed.report.cpu_milli, changed.port), (3, 900, told.port));
    // Nor does a list that keeps it as it is, or no list at all.
    host.hosted().carry_out(&node(B), &[], &BTreeSet::from([id()]));
    assert_eq!(host.ready().port, told.port);

    // The next life of the agent finds it, by the epoch that it was told last.
    let again = Host::new(&world);
    assert_eq!((again.ready().port, again.ready().report.epoch), (told.port, 3));
    again.carry_out(&[]);
    wait_for("its end", || again.told().is_none().then_some(()));
    assert!(std::net::TcpStream::connect(("127.0.0.1", told.port.unwrap_or(0))).is_err(), "nobody listens there");
}

#[test]
fn an_agent_starts_nothing_by_another_definition() {
    let Some(world) = World::new("differs") else { return };
    let host = Host::new(&world);
    let other = Assigned { definition: "of another file".to_owned(), ..Host::assigned(&world, 1, 500) };
    host.carry_out(&[other]);
    let why = wait_for("a refusal", || host.told().and_then(|told| told.refused));
    assert!(why.contains("web.toml differs from the server's web.toml; make both equal"), "{why}");
    let unknown = Assigned { service: "mail".to_owned(), ..Host::assigned(&world, 1, 500) };
    host.carry_out(&[]);
    host.carry_out(&[unknown]);
    let why = wait_for("a refusal", || host.told().and_then(|told| told.refused));
    assert!(why.contains("no mail.toml"), "{why}");
}

#[test]
fn a_fingerprint_is_of_what_runs_and_not_of_the_front() {
    let Some(world) = World::new("print") else { return };
    let of = |world: &World| world.services().fingerprint("web").expect("defined");
    let before = of(&world);
    let path = world.path("services/web.toml");
    let text = std::fs::read_to_string(&path).expect("read");
    let other = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replace(from, to)).expect("written");
        of(&world)
    };
    assert_eq!(other(&world.listen.to_string(), "127.0.0.1:9"), before, "where its front listens");
    assert_eq!(other("[shadow]", "[watch]\nseconds = 1\n\n[shadow]"), before, "how it is watched");
    assert_eq!(other("min_compared = 20", "min_compared = 21"), before, "how copies are compared");
    assert_ne!(other("server.py\"]", "server.py\", \"-v\"]"), before, "the command");
    assert_ne!(other("said = {", "said =  {"), before, "a file");
    assert_ne!(other("within_seconds = 60", "within_seconds = 61"), before, "when it is ready");
}

/// That host as a place: the exchange's side of an agent.
pub struct Elsewhere(pub Arc<Host>);

struct ElsewhereCopy(Arc<Host>, NodeId, Instant);

impl Place for Elsewhere {
    fn has(&self, node: &NodeId) -> bool {
        node.as_str() == B
    }

    fn start(&self, request: &CopyRequest<'_>) -> Result<Arc<dyn Copy>, DriverError> {
        if let Some(told) = self.0.closed.lock().expect("a word").clone() {
            return Err(DriverError::HostUnreachable { node: request.node.clone(), told });
        }
        self.0.carry_out(&[Assigned {
            instance: request.instance.clone(),
            epoch: request.epoch,
            service: request.service.name.clone(),
            definition: request.service.fingerprint(),
            limits: request.limits.clone(),
        }]);
        Ok(Arc::new(ElsewhereCopy(self.0.clone(), request.node.clone(), Instant::now())))
    }
}

impl ElsewhereCopy {
    fn report(&self) -> Result<HostedReport, DriverError> {
        let unknown = || DriverError::UnknownInstance(InstanceId::from("ins_a"));
        self.0.told().ok_or_else(unknown)
    }

    fn change(&self, change: impl Fn(&mut Assigned)) {
        let mut list = self.0.list.lock().expect("a list").clone();
        list.iter_mut().for_each(change);
        self.0.carry_out(&list);
    }
}

impl Copy for ElsewhereCopy {
    fn node(&self) -> &NodeId {
        &self.1
    }
    fn service(&self) -> &str {
        "web"
    }
    fn epoch(&self) -> u64 {
        1
    }
    fn identity(&self) -> String {
        "elsewhere".to_owned()
    }
    fn address(&self) -> Option<SocketAddr> {
        Some(SocketAddr::from((Ipv4Addr::LOCALHOST, self.0.told()?.port?)))
    }
    fn announce(&self, epoch: u64) -> Result<(), DriverError> {
        self.change(|assigned| assigned.epoch = epoch);
        Ok(())
    }
    fn limits(&self) -> Result<Limits, DriverError> {
        Ok(limits(self.report()?.report.cpu_milli))
    }
    fn set_limits(&self, limits: &Limits) -> Result<(), DriverError> {
        self.change(|assigned| assigned.limits = limits.clone());
        Ok(())
    }
    fn usage(&self) -> Result<Usage, DriverError> {
        let report = self.report()?.report;
        let cpu_micros = report.cpu_micros.unwrap_or(0);
        Ok(Usage { at: self.2, cpu_micros, throttled_micros: report.throttled_micros, mem_kib: report.mem_kib })
    }
    fn ended(&self) -> Option<String> {
        self.0.told()?.report.ended
    }
    fn late(&self, why: String) -> Readiness {
        Readiness::Unreachable(why)
    }
    fn stop(&self, _: Duration) -> Result<(), DriverError> {
        wait_for("its end", || {
            self.0.carry_out(&[]);
            self.0.told().is_none().then_some(())
        });
        Ok(())
    }
}

#[test]
fn a_service_moves_to_another_host_and_loses_no_request() {
    let Some(mut world) = World::new("elsewhere") else { return };
    let host = Host::new(&world);
    world.change(|services: Services| services.with_others(Arc::new(Elsewhere(host.clone()))));
    world.start(A, 1, 500).expect("started");
    assert_eq!(world.get("/node"), A);

    // A host that takes no copy: the source serves on.
    let the_move = the_move(&world, B);
    *host.closed.lock().expect("a word") = Some("its agent is silent".to_owned());
    let refused = the_move.shadow().expect_err("no copy there");
    assert_eq!(refused.code(), "host_unreachable", "{refused}");
    assert_eq!(world.get("/node"), A);
    *host.closed.lock().expect("a word") = None;

    let load = Load::begin(&world, 4);
    let report = the_move.shadow_until_decided();
    assert_eq!((report.aborted, report.comparison.differences_total), (None, 0));
    the_move.fence();
    assert_eq!(the_move.activate().expect("activated").limits, limits(700));
    the_move.verify();
    the_move.release();
    let (answered, failed) = load.end();
    assert!(answered > 20 && failed.is_empty(), "{answered} {failed:?}");
    assert_eq!((world.get("/node"), world.get("/port")), (B.to_owned(), host.ready().port.unwrap_or(0).to_string()));
    assert!(world.processes().is_empty(), "the copy on this host has ended");
    assert_eq!((host.ready().report.epoch, world.services().limits_in_force(&id())), (2, Some(limits(700))));
    world.services().stop(&OpKey::new("stop", "2"), &id(), 2).expect("stopped");
    assert!(host.told().is_none(), "the copy there, too");
}
