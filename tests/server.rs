//! The server's binary in a process of its own.
use crate::api::Api;
use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Longest wait for a server to be ready; only a hanging one needs it.
const READY: Duration = Duration::from_secs(120);
/// The start-up contract promises 10 s after SIGTERM; a busy machine gets more.
const STOPPED: Duration = Duration::from_secs(60);

/// The binary under test: `HEADROOM_BIN`, else `headroom` in the target folder of this program.
pub fn binary() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("HEADROOM_BIN") {
        return Ok(path.into());
    }
    let own = std::env::current_exe()?;
    // Programs lie in target/release, tests in target/release/deps.
    let found = own.ancestors().skip(1).take(2).map(|folder| folder.join("headroom")).find(|path| path.is_file());
    found.context(
        "there is no `headroom` beside this program. Build it with `cargo build --release`, or set HEADROOM_BIN",
    )
}

/// How a server is started.
#[derive(Clone, Debug, Default)]
pub struct Launch {
    pub data: PathBuf,
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
}

impl Launch {
    /// A demo on `data`, without a rate limit, on a port that the system chooses.
    pub fn demo(data: &Path) -> Self {
        let arguments = ["--demo", "--rate-limit", "0", "--listen", "127.0.0.1:0"].map(str::to_owned).to_vec();
        Self { data: data.to_owned(), arguments, environment: Vec::new() }
    }
    /// A demo whose clock moves only when it is told to.
    pub fn simulated(data: &Path, start: &str) -> Self {
        Self::demo(data).argument("--sim-clock").argument(start)
    }
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }
    fn command(&self, subcommand: &str) -> anyhow::Result<Command> {
        let mut command = Command::new(binary()?);
        command.arg(subcommand).arg("--data").arg(&self.data);
        for name in ["DATABASE_URL", "REDIS_URL", "HEADROOM_DATA", "HEADROOM_LISTEN"] {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }
    /// Runs another subcommand (`doctor`, `replay`) on the same data to its end.
    pub async fn run(&self, subcommand: &str) -> anyhow::Result<Finished> {
        finish(self.command(subcommand)?).await
    }
    /// Runs `up` and waits for its end: for starts that must fail. It is killed after a while,
    /// and that counts as no exit code.
    pub async fn up_to_its_end(&self) -> anyhow::Result<Finished> {
        let mut command = self.command("up")?;
        command.args(&self.arguments);
        finish(command).await
    }
    pub async fn start(&self) -> anyhow::Result<Server> {
        Server::start(self.clone()).await
    }
}

/// A process that has ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// `None` if a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

async fn finish(command: Command) -> anyhow::Result<Finished> {
    let mut command = tokio::process::Command::from(command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = tokio::time::timeout(READY, command.spawn()?.wait_with_output()).await;
    let output = output.context("the process did not end by itself")??;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Finished { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) })
}

/// A running server; it is killed when it goes out of scope.
pub struct Server {
    child: Child,
    pub url: String,
    pub launch: Launch,
    /// What `demo-access.json` says; `Null` where there is none.
    pub access: Value,
    said: Arc<Mutex<String>>,
    log: Arc<Mutex<String>>,
    http: reqwest::Client,
}

impl Server {
    async fn start(launch: Launch) -> anyhow::Result<Server> {
        let mut command = launch.command("up")?;
        command.args(&launch.arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("the server's binary cannot be started")?;
        let log = Arc::new(Mutex::new(String::new()));
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        if let Some(stderr) = stderr {
            let log = log.clone();
            std::thread::spawn(move || collect(stderr, &log));
        }
        let stdout = stdout.context("no stdout")?;
        let said = Arc::new(Mutex::new(String::new()));
        let (send, receive) = tokio::sync::oneshot::channel();
        std::thread::spawn({
            let said = said.clone();
            move || {
                let mut lines = BufReader::new(stdout).lines().map_while(Result::ok).inspect(|line| {
                    if let Ok(mut said) = said.lock() {
                        said.push_str(line);
                        said.push('\n');
                    }
                });
                let url = lines.find_map(|line| {
                    line.strip_prefix("Headroom is at ").and_then(|l| l.split_whitespace().next().map(str::to_owned))
                });
                let _gone = send.send(url);
                // Reads on, so that the server never waits for a full pipe.
                lines.for_each(drop);
            }
        });
        let url = tokio::time::timeout(READY, receive).await;
        let url = match url {
            Ok(Ok(Some(url))) => url,
            _ => {
                let _killed = child.kill();
                let _status = child.wait();
                let said = log.lock().map(|l| l.clone()).unwrap_or_default();
                bail!("the server did not start: {said}");
            }
        };
        let access = std::fs::read(launch.data.join("demo-access.json")).ok();
        let access = access.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let http = Api::new(&url, None).http;
        let server = Server { child, url, launch, access, said, log, http };
        server.wait_ready().await?;
        Ok(server)
    }

    async fn wait_ready(&self) -> anyhow::Result<()> {
        let nobody = self.nobody();
        let started = Instant::now();
        while started.elapsed() < READY {
            if nobody.get("/readyz").await.is_ok_and(|r| r.status == 200) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("the server is not ready: {}", self.log())
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
    /// What it wrote on stdout so far.
    pub fn said(&self) -> String {
        self.said.lock().map(|s| s.clone()).unwrap_or_default()
    }
    /// What it wrote on stderr so far.
    pub fn log(&self) -> String {
        self.log.lock().map(|l| l.clone()).unwrap_or_default()
    }
    pub fn nobody(&self) -> Api {
        Api { http: self.http.clone(), url: self.url.clone(), bearer: None }
    }
    /// Nobody, from a loopback address of its own.
    pub fn nobody_at(&self, address: [u8; 4]) -> anyhow::Result<Api> {
        let http = crate::api::client().local_address(std::net::IpAddr::from(address)).build()?;
        Ok(Api { http, url: self.url.clone(), bearer: None })
    }
    fn user(&self, role: &str, number: usize) -> anyhow::Result<&Value> {
        let users = self.access["users"].as_array().context("no demo-access.json")?;
        let mut of_role = users.iter().filter(|u| u["role"] == role);
        of_role.nth(number).with_context(|| format!("demo-access.json has no {role} {number}"))
    }
    /// The demo's user of a role, by its API key.
    pub fn api(&self, role: &str) -> anyhow::Result<Api> {
        self.api_of(role, 0)
    }
    /// The n-th of them: `bidder` 1 belongs to another participant than `bidder` 0.
    pub fn api_of(&self, role: &str, number: usize) -> anyhow::Result<Api> {
        let key = self.user(role, number)?["api_key"].as_str().context("a user without API key")?;
        Ok(self.nobody().with(Some(key)))
    }
    pub fn participant(&self, role: &str, number: usize) -> anyhow::Result<String> {
        Ok(self.user(role, number)?["participant"].as_str().unwrap_or_default().to_owned())
    }
    /// Address and password of the demo's user of a role.
    pub fn login(&self, role: &str) -> anyhow::Result<(String, String)> {
        let user = self.user(role, 0)?;
        let text = |name: &str| user[name].as_str().unwrap_or_default().to_owned();
        Ok((text("email"), text("password")))
    }

    /// `kill -9`, and nothing else.
    pub fn kill(mut self) -> anyhow::Result<Launch> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(self.launch.clone())
    }
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?).context("no process id")?;
        Ok(kill_process(pid, signal)?)
    }
    /// SIGTERM; the process must end by itself with exit code 0.
    pub async fn stop(mut self) -> anyhow::Result<Launch> {
        self.signal(Signal::TERM)?;
        let started = Instant::now();
        while started.elapsed() < STOPPED {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "the server ended with {status}: {}", self.log());
                return Ok(self.launch.clone());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("the server does not stop: {}", self.log())
    }
    /// Waits until the process has ended by itself; what it said, and how to start it again.
    pub async fn ended(mut self) -> anyhow::Result<(Option<i32>, String, Launch)> {
        let started = Instant::now();
        while started.elapsed() < STOPPED {
            if let Some(status) = self.child.try_wait()? {
                // What it said last may still be on its way through the pipe.
                tokio::time::sleep(Duration::from_millis(50)).await;
                return Ok((status.code(), self.log(), self.launch.clone()));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("the server does not end: {}", self.log())
    }
    /// `kill -9` and a new start on the same data.
    pub async fn kill_and_restart(self) -> anyhow::Result<Server> {
        self.kill()?.start().await
    }
    /// Processor time so far in microseconds, of all its threads.
    pub fn cpu_micros(&self) -> anyhow::Result<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name may hold spaces; the fields after its closing bracket are regular.
        let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat")?;
        let field = |n: usize| fields.split_whitespace().nth(n).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
        // User and system time in hundredths of a second, on every Linux.
        Ok((field(11) + field(12)) * 10_000)
    }
    /// Resident memory in bytes.
    pub fn memory_bytes(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
        Ok(kib * 1024)
    }
}

fn collect(mut from: impl Read, into: &Mutex<String>) {
    let mut buffer = [0u8; 8192];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if let Ok(mut log) = into.lock() {
            log.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}
