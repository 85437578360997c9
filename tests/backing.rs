//! Throw-away PostgreSQL clusters and Redis servers from the system's packages.
use anyhow::{Context, bail, ensure};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A port that was free a moment ago.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Longest wait for a helper to answer.
const READY: Duration = Duration::from_secs(60);

/// The newest PostgreSQL in Debian's place, or the one on the path.
fn postgres_binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut folders: Vec<PathBuf> =
        versions.filter_map(Result::ok).map(|e| e.path().join("bin")).filter(|p| p.join("initdb").is_file()).collect();
    folders.sort();
    folders.pop()
}

/// A PostgreSQL cluster of its own; it is stopped and removed when it goes out of scope.
pub struct Postgres {
    folder: tempfile::TempDir,
    binaries: PathBuf,
    port: u16,
}

impl Postgres {
    /// `Err` says why there is none: the caller skips loudly.
    pub fn start() -> anyhow::Result<Postgres> {
        let binaries =
            postgres_binaries().context("PostgreSQL is not installed (no /usr/lib/postgresql/*/bin/initdb)")?;
        let folder = tempfile::Builder::new().prefix("headroom-pg-").tempdir_in(open_to_all()?)?;
        if is_root() {
            // initdb refuses to run as root, so the folder must be postgres's.
            run(Command::new("chown").arg("postgres").arg(folder.path()))?;
        }
        let cluster = Postgres { folder, binaries, port: free_port()? };
        let data = cluster.data();
        run(cluster
            .command("initdb")
            .arg("-D")
            .arg(&data)
            .args(["-U", "headroom", "-A", "trust", "-E", "UTF8", "--locale", "C"]))?;
        cluster.start_again()?;
        Ok(cluster)
    }
    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
    fn command(&self, program: &str) -> Command {
        let path = self.binaries.join(program);
        if !is_root() {
            return Command::new(path);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path).current_dir("/");
        command
    }
    /// Starts it after [`Postgres::stop_immediately`]; it recovers from its log.
    pub fn start_again(&self) -> anyhow::Result<()> {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={}",
            self.port,
            self.folder.path().display()
        );
        let log = self.folder.path().join("log");
        run(self.command("pg_ctl").arg("-D").arg(self.data()).arg("-l").arg(log).args(["-w", "-o", &options, "start"]))
    }
    /// All its processes at once, without a checkpoint: as if they had been killed.
    pub fn stop_immediately(&self) -> anyhow::Result<()> {
        run(self.command("pg_ctl").arg("-D").arg(self.data()).args(["-m", "immediate", "-w", "stop"]))
    }
    /// Makes an empty database and gives its address.
    pub fn database(&self, name: &str) -> anyhow::Result<String> {
        let port = self.port.to_string();
        run(self.command("createdb").args(["-h", "127.0.0.1", "-p", &port, "-U", "headroom", name]))?;
        Ok(format!("postgres://headroom@127.0.0.1:{port}/{name}"))
    }
    /// Runs a statement as somebody who looks after the database.
    pub fn execute(&self, database: &str, statement: &str) -> anyhow::Result<()> {
        let port = self.port.to_string();
        let place = ["-h", "127.0.0.1", "-p", &port, "-U", "headroom", "-d", database];
        run(self.command("psql").args(place).args(["-v", "ON_ERROR_STOP=1", "-qAtc", statement]))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _stopped = self.stop_immediately();
    }
}

/// A folder for temporary things that another user can reach: the cluster may not run as root.
fn open_to_all() -> anyhow::Result<PathBuf> {
    let candidates = [std::env::temp_dir(), "/tmp".into(), "/var/tmp".into()];
    let reachable = |path: &PathBuf| {
        path.ancestors().all(|p| std::fs::metadata(p).is_ok_and(|m| m.permissions().mode() & 0o001 != 0))
    };
    candidates.into_iter().find(reachable).context("no temporary folder that the user postgres can reach")
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    // Not piped: the server that pg_ctl leaves behind would keep a pipe open for ever.
    let output = tempfile::tempfile()?;
    let status = command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output.try_clone()?).status();
    let status = status.with_context(|| format!("{command:?} cannot be started"))?;
    if !status.success() {
        use std::io::{Read, Seek};
        let mut said = String::new();
        let mut output = output;
        output.rewind()?;
        output.read_to_string(&mut said)?;
        bail!("{command:?} ended with {status}: {said}");
    }
    Ok(())
}

/// A Redis server of its own, without a disk.
pub struct Redis {
    child: Option<Child>,
    folder: tempfile::TempDir,
    port: u16,
}

impl Redis {
    /// `Err` says why there is none: the caller skips loudly.
    pub fn start() -> anyhow::Result<Redis> {
        let folder = tempfile::Builder::new().prefix("headroom-redis-").tempdir()?;
        let mut redis = Redis { child: None, folder, port: free_port()? };
        redis.start_again()?;
        Ok(redis)
    }
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        let mut command = Command::new("redis-server");
        command.args([
            "--port",
            &self.port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
        ]);
        command.arg(self.folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().context("redis-server is not installed")?);
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            ensure!(started.elapsed() < READY, "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _gone = child.kill();
            let _status = child.wait();
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A small file system of its own that can be filled up; needs the right to mount.
pub struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    pub fn mount(bytes: u64) -> anyhow::Result<SmallDisk> {
        let folder = tempfile::Builder::new().prefix("headroom-disk-").tempdir()?;
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"]).arg(folder.path()))?;
        Ok(SmallDisk { folder })
    }
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _gone = run(Command::new("umount").arg(self.folder.path()));
    }
}

/// A disk that refuses flushes, stands still or is slow, when it is told to: a library that is loaded before the server's own.
pub struct FaultyDisk {
    folder: tempfile::TempDir,
}

impl FaultyDisk {
    /// Compiles the library; needs a C compiler and a system whose loader knows `LD_PRELOAD`.
    pub fn new() -> anyhow::Result<FaultyDisk> {
        let folder = tempfile::Builder::new().prefix("headroom-faults-").tempdir()?;
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("faults/disk.c");
        let mut compile = Command::new("cc");
        run(compile
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(folder.path().join("disk.so"))
            .arg(source)
            .arg("-ldl"))?;
        Ok(FaultyDisk { folder })
    }
    fn control(&self) -> PathBuf {
        self.folder.path().join("fault")
    }
    /// How a server is started that has this disk.
    #[must_use]
    pub fn under(&self, launch: crate::Launch) -> crate::Launch {
        let library = self.folder.path().join("disk.so");
        launch
            .variable("LD_PRELOAD", &library.display().to_string())
            .variable("HEADROOM_TEST_DISK", &self.control().display().to_string())
    }
    /// From now on flushes of files whose name ends so fail.
    pub fn fails(&self, ending: &str) -> anyhow::Result<()> {
        self.set(&format!("{ending} fails"))
    }
    /// From now on flushes of files whose name ends so wait.
    pub fn stands_still(&self, ending: &str) -> anyhow::Result<()> {
        self.set(&format!("{ending} stands"))
    }
    /// From now on each flush of files whose name ends so takes this much more.
    pub fn is_slow(&self, ending: &str, by: Duration) -> anyhow::Result<()> {
        self.set(&format!("{ending} {}", by.as_micros()))
    }
    fn set(&self, text: &str) -> anyhow::Result<()> {
        // All of it or nothing: the other side may be reading.
        let whole = self.folder.path().join("next");
        std::fs::write(&whole, text)?;
        Ok(std::fs::rename(whole, self.control())?)
    }
    pub fn works(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.control())?)
    }
}
