//! What a host is told of copies of services, and what the server makes of what it hears.
use super::*;
use crate::workers::agents::{Heartbeat, Orders, SILENT_AFTER, WorkloadReport};
use headroom_execution::linux::boot;
use headroom_execution::service::{Ready, Service};

const NODE: &str = "nod_a";
const INSTANCE: &str = "ins_a";

/// One host, its agent, and a service.
struct Stage {
    agents: Arc<Agents>,
    service: Service,
}

impl Stage {
    fn new() -> Self {
        let service = Service {
            name: "web".to_owned(),
            command: vec!["/bin/true".to_owned()],
            files: BTreeMap::new(),
            listen: SocketAddr::from(([127, 0, 0, 1], 8_000)),
            ready: Ready { path: "/".to_owned(), within_seconds: 9 },
            stop_seconds: 9,
            shadow: Default::default(),
            watch: Default::default(),
        };
        let agents = Arc::new(Agents::default());
        agents.serve(NodeId::from(NODE));
        agents.ready();
        Self { agents, service }
    }

    fn start(&self) -> Result<Arc<dyn Copy>, DriverError> {
        let (instance, node, limits) = (InstanceId::from(INSTANCE), NodeId::from(NODE), Limits::new(500, 0));
        let request =
            CopyRequest { instance: &instance, node: &node, epoch: 4, service: &self.service, limits: &limits };
        AgentHosts(self.agents.clone()).start(&request)
    }

    /// The agent is heard, with copies at these ports.
    async fn beat(&self, ports: &[u16]) -> Orders {
        let counts = WorkloadReport {
            instance: INSTANCE.to_owned(),
            epoch: 4,
            cpu_milli: 500,
            cpu_micros: Some(7),
            throttled_micros: 0,
            mem_kib: 64,
            refused: None,
            ended: None,
        };
        let copies = ports.iter().map(|port| CopyReport { counts: counts.clone(), port: Some(*port) });
        let told = Heartbeat {
            boot: boot(),
            address: Some(Ipv4Addr::LOCALHOST),
            services: [("web".to_owned(), self.service.fingerprint())].into(),
            copies: copies.collect(),
            ..Heartbeat::default()
        };
        self.agents.heartbeat(&NodeId::from(NODE), told).await.expect("its host").expect("a list")
    }

    fn fall_silent(&self) {
        let mut hosts = self.agents.hosts();
        let heard = hosts.of.get_mut(&NodeId::from(NODE)).and_then(|host| host.heard.as_mut());
        let long_ago = Instant::now().checked_sub(SILENT_AFTER + Duration::from_secs(1));
        heard.expect("heard").at = long_ago.expect("the machine runs for longer");
    }
}

#[tokio::test]
async fn a_host_that_cannot_run_a_copy_says_why() {
    let stage = Stage::new();
    let why = |stage: &Stage| match stage.start().map(|_| ()) {
        Err(error @ DriverError::HostUnreachable { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(why(&stage).contains("was not heard yet"), "{}", why(&stage));
    stage.beat(&[]).await;
    let own = stage.service.clone();
    let with = |service| Stage { agents: stage.agents.clone(), service };
    let differs = with(Service { stop_seconds: 99, ..own.clone() });
    assert!(why(&differs).contains("its web.toml differs from the server's"), "{}", why(&differs));
    let missing = with(Service { name: "mail".to_owned(), ..own });
    assert!(why(&missing).contains("no mail.toml"), "{}", why(&missing));
    stage.fall_silent();
    assert!(why(&stage).contains("its agent is silent"), "{}", why(&stage));
}

#[tokio::test]
async fn a_copy_is_reached_where_its_agent_says() {
    let stage = Stage::new();
    stage.beat(&[]).await;
    let copy = stage.start().expect("wanted");
    assert_eq!((copy.address(), copy.hindrance()), (None, None), "nobody has told yet");
    let wanted = stage.beat(&[]).await.copies;
    assert_eq!(wanted.iter().map(|w| (w.epoch, w.cpu_milli)).collect::<Vec<_>>(), [(4, 500)]);
    stage.beat(&[18_007]).await;
    assert_eq!(copy.address(), Some(SocketAddr::from(([127, 0, 0, 1], 18_007))));
    assert_eq!(copy.limits().expect("told"), Limits::new(500, 0));
    copy.announce(6).expect("said");
    assert_eq!(stage.beat(&[18_007]).await.copies[0].epoch, 6);
    // Its agent ends: it runs on where it is under its limit, and nobody counts it.
    stage.fall_silent();
    assert_eq!((copy.address().map(|at| at.port()), copy.ended()), (Some(18_007), None));
    assert!(copy.limits().is_ok() && copy.set_limits(&Limits::new(500, 0)).is_ok() && copy.usage().is_err());
}

#[tokio::test]
async fn no_copy_begins_before_one_of_before_has_ended() {
    let stage = Stage::new();
    stage.beat(&[]).await;
    let copy = stage.start().expect("wanted");
    stage.beat(&[18_007]).await;
    let stopped = tokio::task::spawn_blocking(move || copy.stop(Duration::ZERO).map_err(|error| error.code()));
    assert_eq!(stopped.await.expect("asked"), Err("agent_silent"), "its agent still tells of it");
    assert!(stage.beat(&[18_007]).await.copies.is_empty(), "the list leaves it out");
    assert!(matches!(stage.start().map(|_| ()), Err(DriverError::Unanswered { .. })), "one at a time");
    stage.beat(&[]).await;
    assert!(stage.start().is_ok());
}

#[tokio::test]
async fn a_copy_of_another_life_ends_before_a_new_one_begins() {
    let stage = Stage::new();
    stage.beat(&[18_007]).await;
    assert!(matches!(stage.start().map(|_| ()), Err(DriverError::Unanswered { .. })), "it is there already");
    assert!(stage.beat(&[18_007]).await.copies.is_empty());
    stage.beat(&[]).await;
    assert!(stage.start().is_ok());
}

#[tokio::test]
async fn nobody_waits_for_a_silent_agent_to_end_a_copy() {
    let stage = Stage::new();
    stage.beat(&[]).await;
    let copy = stage.start().expect("wanted");
    stage.beat(&[18_007]).await;
    stage.fall_silent();
    copy.stop(Duration::ZERO).expect("it ends once it is heard");
    assert_eq!(copy.address(), None);
    let heard_again = stage.beat(&[18_007]).await;
    assert!(heard_again.copies.is_empty() && heard_again.kept.is_empty());
}

#[tokio::test]
async fn a_service_that_nobody_steers_yet_is_kept() {
    let stage = Stage::new();
    let kept = || [(NodeId::from(NODE), BTreeSet::from([InstanceId::from(INSTANCE)]))].into();
    stage.agents.keep(kept());
    assert_eq!(stage.beat(&[18_007]).await.kept, [INSTANCE]);
    // What is to end is not kept, whatever the market's last look said.
    assert!(stage.start().is_err(), "it is there already");
    assert!(stage.beat(&[18_007]).await.kept.is_empty());
    stage.beat(&[]).await;
    assert_eq!(stage.beat(&[]).await.kept, [INSTANCE]);
    stage.agents.keep(BTreeMap::new());
    assert!(stage.beat(&[]).await.kept.is_empty());
}
