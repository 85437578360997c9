//! What is known before and after a flush, and in batches of any size.
use super::*;
use crate::database::Address;
use crate::journal::{JournalRow, idempotency_key};
use crate::read::{Page, Scope};
use crate::write::Batch;
use headroom_market::record::{Row, Table};
use headroom_market::state::ChangedRows;
use headroom_market::time::Timestamp;

const OWNERS: [&str; 2] = ["par_01m7zqyxncfvysexyrg0ahsvzr", "par_01m7zqyxkcem4r0htfk94bcfq6"];

fn order(n: i64) -> String {
    // Of one millisecond, and not in their order: the last digits are turned round.
    let chance: String = format!("{n:05}").chars().rev().collect();
    format!("{}_01m7zqz320fvhr63jemb5{chance}", if n % 3 == 0 { "off" } else { "bid" })
}
fn owner(n: i64) -> &'static str {
    OWNERS[usize::from(n % 7 == 0)]
}

/// One command that has a key and accepts an order.
fn batch(sequence: i64) -> Batch {
    let (order, owner) = (order(sequence), owner(sequence));
    let event = format!(
        r#"[{{"event":"order_accepted","data":{{"id":"{order}","side":"bid","participant":"{owner}","status":"open","instance":null,"window":{{"start_at":"2026-11-21T19:10:00Z","end_at":"2026-11-21T19:11:00Z"}},"latest_start_at":null,"replicas":1,"resources":{{"cpu_milli":1}},"pools":[{{"pool":"fra1-gp","adder":"0.000000"}}],"assurance":"firm","limit":"0.000001","min_fill":"0.000000","time_in_force":"gtc","expires_at":null,"resell":"own_limit","project":null,"no_displacement":false,"min_run_slots":0,"class":"standard","client_bid_id":"c-{sequence}","remaining":{{"cpu_milli":1}},"remaining_replicas":1,"remaining_limit":"0.000001","hold":"0.000001","awarded":"0.000000","awards":[],"origin":"manual","first_round":1,"last_reason":null,"closed_reason":null,"replaces":null,"replaced_by":null,"pending_replacement":null,"created_at":"2026-11-21T19:05:11Z","updated_at":"2026-11-21T19:05:11Z"}}}}]"#
    );
    let events: Vec<Event> = serde_json::from_str(&event).unwrap();
    let row = Row {
        table: Table::Orders,
        id: order,
        participant: Some(owner.to_owned()),
        status: "open",
        live: true,
        position: 0,
        created_at: Timestamp::from_micros(1),
        document: "{}".to_owned(),
    };
    Batch {
        journal: vec![JournalRow {
            sequence,
            recorded_at: 1,
            actor: "key".to_owned(),
            idempotency: Some(idempotency_key(owner, &format!("i-{sequence}"))),
            request_hash: Some(format!("hash {sequence}")),
            command: "{}".to_owned(),
            events: event,
            reply: format!("reply {sequence}"),
            rule_version: 1,
            chain_hash: String::new(),
        }],
        accepted: events.iter().filter_map(accepted).collect(),
        changes: vec![ChangedRows { rows: vec![row], balances: vec![], transfers: vec![], receipts: vec![] }],
        ..Batch::default()
    }
}

fn many(sequences: std::ops::Range<i64>) -> Batch {
    sequences.map(batch).fold(Batch::default(), |mut all, one| {
        all.journal.extend(one.journal);
        all.accepted.extend(one.accepted);
        all.changes.extend(one.changes);
        all
    })
}

/// Everything under `end` is found, by key, by client id and by owner, page by page, and nothing else.
async fn all_is_found(store: &Store, end: i64) {
    let sequences: Vec<i64> =
        [1, 2, 3, 700, 701, RUN, RUN + 1, end - 1, end].into_iter().filter(|n| *n <= end).collect();
    let keys = sequences.iter().map(|n| idempotency_key(owner(*n), &format!("i-{n}"))).collect();
    let clients = sequences.iter().map(|n| client_key(owner(*n), &format!("c-{n}"))).collect();
    let known = store.known(keys, clients).await.unwrap();
    for n in sequences {
        let (key, client) = (idempotency_key(owner(n), &format!("i-{n}")), client_key(owner(n), &format!("c-{n}")));
        assert_eq!(known.replied.get(&key).map(|r| r.reply.clone()), (n < end).then(|| format!("reply {n}")), "{n}");
        assert_eq!(known.orders.get(&client).cloned(), (n < end).then(|| order(n)), "{n}");
        assert_eq!(store.order_by_client_key(&client).await.unwrap(), (n < end).then(|| order(n)), "{n}");
    }
    for participant in OWNERS {
        let mut expected: Vec<String> = (1..end).filter(|n| owner(*n) == participant).map(order).collect();
        expected.sort();
        for ascending in [true, false] {
            let mut listed = Vec::new();
            let mut page = Page { limit: 300, ascending, statuses: vec!["open".to_owned()], ..Page::default() };
            loop {
                let scope = Scope::Participant(participant.to_owned());
                let read = store.list(Table::Orders, &scope, &page).await.unwrap();
                listed.extend(read.rows.into_iter().map(|(id, _)| id));
                page.starting_after = listed.last().cloned();
                if !read.has_more {
                    break;
                }
            }
            if !ascending {
                listed.reverse();
            }
            assert_eq!(listed, expected, "{participant} of {end}");
        }
    }
    assert_eq!(store.lookup_faults().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn what_waits_is_found_as_what_is_written_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::choose(None, folder.path()).unwrap();
    let mut store = Store::open(&address, folder.path()).await.unwrap();
    let mut next = 1;
    // Before a run, at its edge, with a run in the batch, and after it.
    for end in [500, RUN, RUN + 1, RUN + 2, RUN + 900] {
        store.commit(many(next..end)).await.unwrap();
        next = end;
        all_is_found(&store, end).await;
        store.close().await;
        drop(store);
        store = Store::open(&address, folder.path()).await.unwrap();
        all_is_found(&store, end).await;
        // New keys are not looked up any more once all used ones have been read.
        while !store.lookups.seen.is_complete() {
            tokio::task::yield_now().await;
        }
        all_is_found(&store, end).await;
    }
    store.close().await;
}

/// The words of the indexes, of the queries and of the core are one.
#[test]
fn moves_between_own_accounts_are_named_as_in_the_core() {
    use headroom_market::ledger::TransferKind::*;
    let own: Vec<String> = [
        Grant,
        Hold,
        Release,
        Charge,
        CreditNote,
        Proceeds,
        ReservationFee,
        OperatorIncome,
        PlatformRisk,
        Compensation,
        Rounding,
    ]
    .into_iter()
    .filter(|kind| kind.stays_with_its_owner())
    .map(|kind| format!("kind <> '{}'", kind.name()))
    .collect();
    let words = own.join(" AND ");
    for text in [
        include_str!("../read.rs"),
        include_str!("../../../../migrations/sqlite/market/20261129230000_leave_out_holds.sql"),
        include_str!("../../../../migrations/postgres/market/20261129230000_leave_out_holds.sql"),
    ] {
        assert!(text.contains(&words), "{words}");
    }
}
