//! What a server stands on: a data directory of its own, and a database of either kind.
use clap::ValueEnum;
use headroom_tests::backing::Postgres;
use headroom_tests::orders::trader;
use headroom_tests::{Api, Launch, Server, unique};
use tempfile::TempDir;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Sqlite,
    Postgres,
    /// SQLite, then PostgreSQL.
    Both,
}

/// Where servers of one kind find their data.
pub enum Ground {
    Sqlite,
    Postgres(Box<Postgres>),
}

impl Ground {
    pub fn name(&self) -> &'static str {
        match self {
            Ground::Sqlite => "sqlite",
            Ground::Postgres(_) => "postgres",
        }
    }
    /// Fresh data and a launch on it.
    pub fn fresh(&self) -> anyhow::Result<(TempDir, Launch)> {
        let folder = tempfile::Builder::new().prefix("headroom-load-").tempdir()?;
        let mut launch = Launch::demo(folder.path());
        if let Ground::Postgres(cluster) = self {
            let name = unique("load").replace('-', "_");
            launch = launch.variable("DATABASE_URL", &cluster.database(&name)?);
        }
        Ok((folder, launch))
    }
}

/// The grounds that were asked for; a missing PostgreSQL is said loudly.
pub fn grounds(kind: Kind) -> anyhow::Result<Vec<Ground>> {
    let mut grounds = Vec::new();
    if kind != Kind::Postgres {
        grounds.push(Ground::Sqlite);
    }
    if kind != Kind::Sqlite {
        match Postgres::start() {
            Ok(cluster) => grounds.push(Ground::Postgres(Box::new(cluster))),
            Err(error) if kind == Kind::Both => eprintln!("SKIPPED: PostgreSQL: {error:#}"),
            Err(error) => return Err(error),
        }
    }
    Ok(grounds)
}

/// API keys of new participants with credits, made by the demo's admin.
pub async fn traders(server: &Server, count: usize) -> anyhow::Result<Vec<String>> {
    let admin = server.api("admin")?;
    let mut keys = Vec::new();
    for n in 0..count {
        let api: Api = trader(&admin, &format!("load-{n}"), "1000").await?;
        keys.extend(api.bearer);
    }
    Ok(keys)
}
