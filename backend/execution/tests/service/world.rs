//! Services with real processes, and clients that call them.
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use headroom_execution::service::Services;
use headroom_execution::{
    ActivateRequest, Activated, Adopting, Driver, DriverError, InstanceId, Limits, NodeId, OpKey, Program,
    ShadowReport, ShadowRequest, SnapshotInfo, StartFrom, StartRequest, Started, Verification, VerifyRequest,
};

const LONG: Duration = Duration::from_secs(60);
pub const PYTHON: &str = "/usr/bin/python3";
/// Answers `/port` with its port and `/node` with its node; all other paths by the node's name.
pub const SCRIPT: &str = r#"
import http.server, os, time
node = os.environ["HEADROOM_NODE"]
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.answer(500 if node == "nod_refuses" else 200, "taken")
    def do_GET(self):
        if self.path == "/end": os._exit(3)
        if self.path == "/cut":
            self.close_connection = True
            return
        while self.path == "/long" and not os.path.exists("go"): time.sleep(0.02)
        if node == "nod_slow" and self.path != "/": time.sleep(0.3)
        if os.path.exists("cold"): time.sleep(0.7)
        said = {"/port": os.environ["PORT"], "/node": node}.get(self.path, "hello")
        if node == "nod_other" and self.path == "/page": said = "another page"
        self.answer(200, said)
    def answer(self, status, said):
        self.send_response(status)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said.encode())
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"#;

pub fn id() -> InstanceId {
    InstanceId::from("ins_a")
}

pub fn node(name: &str) -> NodeId {
    NodeId::from(name)
}

pub fn limits(cpu_milli: u64) -> Limits {
    Limits::new(cpu_milli, 0)
}

/// Waits for as long as it takes on a busy machine.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + LONG;
    loop {
        match look() {
            Some(found) => return found,
            None => assert!(Instant::now() < until, "{what} never came"),
        }
        sleep(Duration::from_millis(10));
    }
}

/// An address that nobody listens at, below the ports of outgoing connections: one of those would keep it taken.
fn free_address(name: &str) -> SocketAddr {
    let start = name.bytes().fold(7_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let ports = (0..7_000).filter_map(|step| u16::try_from(10_000 + (start % 7_000 + step) % 7_000).ok());
    let mut addresses = ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    addresses.find(|address| TcpListener::bind(address).is_ok()).expect("a free port")
}

/// One exchange on this host, with its folders.
pub struct World {
    pub folder: tempfile::TempDir,
    pub name: String,
    pub listen: SocketAddr,
    services: Option<Services>,
}

impl World {
    /// An exchange whose service `web` is a script; nothing where this host lets nobody make control groups.
    pub fn new(name: &str) -> Option<Self> {
        let world = Self::at(tempfile::tempdir().expect("a folder"), &format!("test-{name}-{}", std::process::id()))?;
        world.define(&format!("command = [{PYTHON:?}, \"{{folder}}/server.py\"]"), &[("server.py", SCRIPT)], "");
        Some(world)
    }

    fn at(folder: tempfile::TempDir, name: &str) -> Option<Self> {
        std::fs::create_dir_all(folder.path().join("services")).expect("made");
        let mut world = Self { folder, name: name.to_owned(), listen: free_address(name), services: None };
        world.begin();
        if let Some(reason) = world.services().unavailable() {
            println!("SKIP {name}: the probe of control groups said: {reason}");
            return None;
        }
        Some(world)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the definition of `web`.
    pub fn define(&self, command: &str, files: &[(&str, &str)], shadow: &str) {
        let files: BTreeMap<&str, &str> = files.iter().copied().collect();
        let files = files.iter().map(|(name, text)| format!("{name:?} = '''{text}'''\n")).collect::<String>();
        let ready = "path = \"/\"\nwithin_seconds = 60";
        let rules = "min_compared = 20\nheld_paths = [\"/port\", \"/node\", \"/end\"]\nlatency_allowance_millis = 5000";
        let shadow = if shadow.is_empty() { rules } else { shadow };
        let listen = self.listen;
        let text =
            format!("{command}\nlisten = \"{listen}\"\n\n[files]\n{files}\n[ready]\n{ready}\n\n[shadow]\n{shadow}\n");
        std::fs::write(self.path("services/web.toml"), text).expect("written");
    }

    pub fn services(&self) -> &Services {
        self.services.as_ref().expect("it runs")
    }

    /// The exchange with other hosts, for instance.
    pub fn change(&mut self, change: impl FnOnce(Services) -> Services) {
        self.services = self.services.take().map(change);
    }

    /// Ends the exchange without a word, and begins anew.
    pub fn crash(&mut self) {
        self.services = None;
        self.begin();
    }

    pub fn begin(&mut self) {
        let services = Services::new(&self.name, &self.path("services"), &self.path("state"));
        self.services = Some(services.expect("a state folder"));
    }

    pub fn start(&self, at: &str, epoch: u64, cpu_milli: u64) -> Result<Started, DriverError> {
        let request = StartRequest {
            instance: id(),
            node: node(at),
            epoch,
            program: Program("web".to_owned()),
            limits: limits(cpu_milli),
            from: StartFrom::Fresh,
        };
        self.services().start(&OpKey::new("start", epoch.to_string()), &request)
    }

    pub fn client(&self) -> Client {
        Client { address: self.listen, stream: None }
    }

    pub fn get(&self, path: &str) -> String {
        let (status, body) = self.client().get(path).expect("an answer");
        assert_eq!(status, 200, "{body}");
        body
    }

    /// Processes in control groups of this exchange, by the name of their group.
    pub fn processes(&self) -> BTreeMap<u32, String> {
        self.processes_of(&self.name)
    }

    /// Those of an exchange, or of a host, by its name.
    pub fn processes_of(&self, name: &str) -> BTreeMap<u32, String> {
        let start = format!("/headroom-services-{name}/");
        let entries = std::fs::read_dir("/proc").expect("proc").flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let group = |pid: u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            if stat.rsplit_once(") ")?.1.starts_with(['Z', 'X']) {
                return None;
            }
            let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
            text.lines().find_map(|line| Some(line.split_once(&start)?.1.to_owned()))
        };
        pids.filter_map(|pid| Some((pid, group(pid)?))).collect()
    }

    /// Groups that have processes.
    pub fn groups(&self) -> Vec<String> {
        let mut groups: Vec<String> = self.processes().into_values().collect();
        groups.dedup();
        groups.sort_unstable();
        groups.dedup();
        groups
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // All copies of the test end here.
        drop(self.services.take());
        let services = Services::new(&self.name, &self.path("services"), &self.path("state")).ok();
        if let Some(services) = services {
            let _ = services.let_go_others(&Default::default());
        }
    }
}

/// A client with one connection.
pub struct Client {
    address: SocketAddr,
    stream: Option<TcpStream>,
}

impl Client {
    pub fn get(&mut self, path: &str) -> io::Result<(u16, String)> {
        self.call("GET", path)
    }

    pub fn call(&mut self, method: &str, path: &str) -> io::Result<(u16, String)> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.address)?;
            stream.set_read_timeout(Some(LONG))?;
            self.stream = Some(stream);
        }
        let answer =
            self.stream.as_mut().map_or(Err(io::ErrorKind::NotConnected.into()), |stream| ask(stream, method, path));
        if !matches!(answer, Ok((_, _, true))) {
            self.stream = None;
        }
        answer.map(|(status, body, _)| (status, body))
    }
}

fn ask(stream: &mut TcpStream, method: &str, path: &str) -> io::Result<(u16, String, bool)> {
    stream.write_all(format!("{method} {path} HTTP/1.1\r\nhost: test\r\ncontent-length: 0\r\n\r\n").as_bytes())?;
    let (mut read, mut part) = (Vec::new(), [0_u8; 4096]);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_lowercase();
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = text(&read[..end]);
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            let length = length.ok_or_else(|| io::Error::other(format!("no length: {head}")))?;
            if read.len() >= end + 4 + length {
                let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
                return Ok((status, text(&read[end + 4..]), !head.contains("connection: close")));
            }
        }
        match stream.read(&mut part)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => read.extend_from_slice(&part[..count]),
        }
    }
}

/// Clients that call without a pause until they are stopped.
pub struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<(u64, Vec<String>)>>,
}

impl Load {
    pub fn begin(world: &World, clients: usize) -> Self {
        Self::begin_with(world, clients, "GET")
    }

    pub fn begin_with(world: &World, clients: usize, method: &'static str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let call = move |mut client: Client, stop: Arc<AtomicBool>| {
            let (mut answered, mut failed) = (0, Vec::new());
            while !stop.load(Ordering::SeqCst) {
                match client.call(method, "/page") {
                    Ok((200, _)) => answered += 1,
                    other => failed.push(format!("{other:?}")),
                }
                sleep(Duration::from_millis(2));
            }
            (answered, failed)
        };
        let thread = || {
            let (client, stop) = (world.client(), stop.clone());
            std::thread::spawn(move || call(client, stop))
        };
        Self { threads: (0..clients).map(|_| thread()).collect(), stop: stop.clone() }
    }

    /// The number of answered requests, and the failures.
    pub fn end(self) -> (u64, Vec<String>) {
        self.stop.store(true, Ordering::SeqCst);
        let all = self.threads.into_iter().map(|thread| thread.join().expect("a client"));
        all.fold((0, Vec::new()), |(sum, mut faults), (answered, failed)| {
            faults.extend(failed);
            (sum + answered, faults)
        })
    }
}

/// The calls of the saga, in its order.
pub struct Move<'a> {
    pub services: &'a Services,
    pub swap: &'static str,
    pub epoch: u64,
    pub to: &'static str,
    pub cpu_milli: u64,
}

impl Move<'_> {
    pub fn key(&self, step: &str) -> OpKey {
        OpKey::new(self.swap, step)
    }

    fn snapshot(&self, step: &str, epoch: u64) -> Result<SnapshotInfo, DriverError> {
        let info = self.services.snapshot(&self.key(step), &id(), epoch, None)?;
        let key = self.key(&format!("{step}-transfer"));
        self.services.transfer(&key, &id(), epoch, &info.id, &node(self.to)).map(|_| info)
    }

    /// Called at each tick, as the worker does.
    pub fn shadow(&self) -> Result<ShadowReport, DriverError> {
        let request = ShadowRequest {
            instance: id(),
            epoch: self.epoch,
            node: node(self.to),
            snapshot: self.snapshot("snapshot", self.epoch)?.id,
            limits: limits(self.cpu_milli),
            rules: Default::default(),
        };
        self.services.start_shadow(&self.key("shadow"), &request)?;
        self.services.shadow_report(&id())
    }

    pub fn shadow_until_decided(&self) -> ShadowReport {
        wait_for("a verdict", || {
            let report = self.shadow().expect("a report");
            let decided =
                report.aborted.is_some() || report.verdict(1, false) != headroom_market::shadow::Verdict::Running;
            decided.then_some(report)
        })
    }

    pub fn fence(&self) {
        let fence = || match self.services.fence(&self.key("fence"), &id(), self.epoch, self.epoch + 1) {
            Err(DriverError::Unanswered { .. }) => None,
            other => Some(other.expect("fenced")),
        };
        let fenced = wait_for("the fence", fence);
        assert_eq!(self.services.fence(&self.key("fence"), &id(), self.epoch, self.epoch + 1).expect("again"), fenced);
    }

    pub fn activate(&self) -> Result<Activated, DriverError> {
        let last = self.snapshot("last", self.epoch + 1)?;
        let (instance, node, limits) = (id(), node(self.to), limits(self.cpu_milli));
        let request = ActivateRequest { instance, node, epoch: self.epoch + 1, snapshot: last.id, limits };
        self.services.activate(&self.key("activate"), &request)
    }

    /// After the watch is over.
    pub fn verified(&self) -> Result<Verification, DriverError> {
        self.verified_after(60)
    }

    pub fn verified_after(&self, seconds: u64) -> Result<Verification, DriverError> {
        let (instance, node, limits) = (id(), node(self.to), limits(self.cpu_milli));
        let (epoch, watched_micros) = (self.epoch + 1, seconds * 1_000_000);
        let request = VerifyRequest { instance, node, epoch, limits, min_progress: 1, watched_micros };
        self.services.verify(&request)
    }

    pub fn verify(&self) {
        wait_for("a verification", || self.verified().expect("as before").passed.then_some(()));
    }

    pub fn release(&self) {
        let released = self.services.release(&self.key("release"), &id(), self.epoch + 1).expect("released");
        assert_eq!(self.services.release(&self.key("release"), &id(), self.epoch + 1).expect("again"), released);
    }
}

pub fn nginx() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("nginx")).find(|file: &PathBuf| Path::is_file(file))
}
