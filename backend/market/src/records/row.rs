//! How a record of the core becomes a row of its table: one shape for all of them.
use crate::records::audit::AuditEvent;
use crate::records::dispute::Dispute;
use crate::records::guidance::{ApplicationProfile, Hint};
use crate::records::market::Market;
use crate::records::order::Order;
use crate::records::participant::{ApiKey, Participant, User};
use crate::records::pool::{HourlyPrice, Node, Pool, Product, Reference, ReservePrice, Shortage};
use crate::records::project::Project;
use crate::records::round::{Award, Round, RoundState};
use crate::records::settlement::Receipt;
use crate::records::swap::Swap;
use crate::records::workload::{Instance, InstanceState, Module};
use crate::time::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The state tables; the name of each is its stem's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    Market,
    Participants,
    Users,
    ApiKeys,
    Pools,
    Nodes,
    ReservePrices,
    References,
    Products,
    Modules,
    Instances,
    Orders,
    Awards,
    Rounds,
    Swaps,
    Receipts,
    Disputes,
    Hints,
    Profiles,
    Projects,
    Shortages,
    HourlyPrices,
    AuditEvents,
}

impl Table {
    pub const ALL: [Table; 23] = [
        Table::Market,
        Table::Participants,
        Table::Users,
        Table::ApiKeys,
        Table::Pools,
        Table::Nodes,
        Table::ReservePrices,
        Table::References,
        Table::Products,
        Table::Modules,
        Table::Instances,
        Table::Orders,
        Table::Awards,
        Table::Rounds,
        Table::Swaps,
        Table::Receipts,
        Table::Disputes,
        Table::Hints,
        Table::Profiles,
        Table::Projects,
        Table::Shortages,
        Table::HourlyPrices,
        Table::AuditEvents,
    ];
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowKey {
    pub table: Table,
    pub id: String,
}

/// A record as it is stored: a few columns to find it by, and the document itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub table: Table,
    pub id: String,
    pub participant: Option<String>,
    pub status: &'static str,
    /// Whether it belongs to the live state that a start loads.
    pub live: bool,
    /// What lists of it are filtered by: a slot, a round or a window start, in seconds or as a number.
    pub position: i64,
    pub created_at: Timestamp,
    pub document: String,
}

pub trait Record: Serialize + DeserializeOwned {
    const TABLE: Table;
    fn id_text(&self) -> String;
    fn participant_text(&self) -> Option<String> {
        None
    }
    fn status_text(&self) -> &'static str {
        "active"
    }
    fn live(&self) -> bool {
        true
    }
    fn position(&self) -> i64 {
        0
    }
    fn created(&self) -> Timestamp;

    fn key(&self) -> RowKey {
        RowKey { table: Self::TABLE, id: self.id_text() }
    }
    fn document(&self) -> String {
        serde_json::to_string(self).expect("a record holds only strings, integers and lists of them")
    }
    fn row(&self) -> Row {
        self.row_of(self.document())
    }
    /// The row with a document that was made before.
    fn row_of(&self, document: String) -> Row {
        Row {
            table: Self::TABLE,
            id: self.id_text(),
            participant: self.participant_text(),
            status: self.status_text(),
            live: self.live(),
            position: self.position(),
            created_at: self.created(),
            document,
        }
    }
}

macro_rules! record {
    ($record:ty, $table:ident, |$r:ident| id = $id:expr, created = $created:expr $(, participant = $participant:expr)? $(, status = $status:expr)? $(, live = $live:expr)? $(, position = $position:expr)?) => {
        impl Record for $record {
            const TABLE: Table = Table::$table;
            fn id_text(&self) -> String {
                let $r = self;
                let _ = $r;
                $id
            }
            fn created(&self) -> Timestamp {
                let $r = self;
                let _ = $r;
                $created
            }
            $(fn participant_text(&self) -> Option<String> {
                let $r = self;
                $participant
            })?
            $(fn status_text(&self) -> &'static str {
                let $r = self;
                $status
            })?
            $(fn live(&self) -> bool {
                let $r = self;
                let _ = $r;
                $live
            })?
            $(fn position(&self) -> i64 {
                let $r = self;
                $position
            })?
        }
    };
}

record!(Market, Market, |m| id = "market".to_owned(), created = m.created_at);
record!(Participant, Participants, |p| id = p.id.to_string(), created = p.created_at);
record!(User, Users, |u| id = u.id.to_string(), created = u.created_at);
record!(
    ApiKey,
    ApiKeys,
    |k| id = k.id.to_string(),
    created = k.created_at,
    participant = Some(k.participant.to_string())
);
record!(Pool, Pools, |p| id = p.slug.clone(), created = p.created_at);
record!(Node, Nodes, |n| id = n.id.to_string(), created = n.created_at);
record!(ReservePrice, ReservePrices, |r| id = r.id.to_string(), created = r.created_at);
record!(Reference, References, |r| id = format!("{}/{}", r.pool, r.resource), created = Timestamp::default());
record!(
    Product,
    Products,
    |p| id = p.id_text(),
    created = p.slot.start(),
    status = if p.settled { "settled" } else { "open" },
    live = !p.settled,
    position = p.slot.seconds()
);
record!(
    Module,
    Modules,
    |m| id = m.id.to_string(),
    created = m.created_at,
    participant = m.participant.map(|p| p.to_string())
);
record!(
    Instance,
    Instances,
    |i| id = i.id.to_string(),
    created = i.created_at,
    participant = Some(i.participant.to_string()),
    status = match i.state {
        InstanceState::Running => "running",
        InstanceState::Stopped => "stopped",
        InstanceState::Failed => "failed",
    }
);
record!(
    Order,
    Orders,
    |o| id = o.id.to_string(),
    created = o.created_at,
    participant = Some(o.participant.to_string()),
    status = o.status.name(),
    live = o.status.is_live(),
    position = o.request.window.start_at.seconds()
);
record!(
    Award,
    Awards,
    |a| id = a.id.to_string(),
    created = a.created_at,
    participant = Some(a.participant.to_string()),
    status = if a.is_live() { "live" } else { "settled" },
    live = a.is_live(),
    position = a.round as i64
);
record!(
    Round,
    Rounds,
    |r| id = r.id.to_string(),
    created = r.sealed_at,
    status = match r.state {
        RoundState::Open => "open",
        RoundState::Sealed => "sealed",
        RoundState::Solved => "solved",
        RoundState::Awarded => "awarded",
        RoundState::Executing => "executing",
        RoundState::Settled => "settled",
        RoundState::Void => "void",
    },
    live = !matches!(r.state, RoundState::Settled | RoundState::Void),
    position = r.number as i64
);
record!(
    Swap,
    Swaps,
    |s| id = s.id.to_string(),
    created = s.created_at,
    participant = Some(s.participant.to_string()),
    status = s.state.name(),
    live = s.is_live(),
    position = s.slot.seconds()
);
record!(
    Receipt,
    Receipts,
    |r| id = r.id.to_string(),
    created = r.recorded_at,
    participant = Some(r.participant.to_string()),
    live = false,
    position = r.slot.seconds()
);
// One that was decided stays: its receipt has no other.
record!(
    Dispute,
    Disputes,
    |d| id = d.id.to_string(),
    created = d.opened_at,
    participant = Some(d.participant.to_string()),
    status = d.state.name(),
    position = d.slot.seconds()
);
record!(
    AuditEvent,
    AuditEvents,
    |a| id = a.id.to_string(),
    created = a.created_at,
    participant = a.participant.map(|p| p.to_string()),
    status = a.action.name(),
    live = false,
    position = a.sequence as i64
);
record!(
    Hint,
    Hints,
    |h| id = h.id.to_string(),
    created = h.created_at,
    participant = Some(h.participant.to_string()),
    status = if h.withdrawn_at.is_some() { "withdrawn" } else { "active" },
    live = h.withdrawn_at.is_none()
);
record!(
    ApplicationProfile,
    Profiles,
    |p| id = p.id.to_string(),
    created = p.created_at,
    participant = Some(p.participant.to_string())
);
record!(
    Project,
    Projects,
    |p| id = p.id.to_string(),
    created = p.created_at,
    participant = Some(p.participant.to_string()),
    status = if p.deleted_at.is_some() { "deleted" } else { "active" },
    live = p.deleted_at.is_none()
);
record!(Shortage, Shortages, |s| id = format!("{}/{}", s.pool, s.resource), created = s.recorded_at);
record!(
    HourlyPrice,
    HourlyPrices,
    |h| id = format!("{}/{}/{}", h.pool, h.resource, h.hour),
    created = Timestamp::default()
);
