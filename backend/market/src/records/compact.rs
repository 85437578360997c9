//! The request as the journal keeps it: only what differs from the defaults. Half as long, so
//! that more commands fit into a page; it is read as any other request.
use crate::records::class::Class;
use crate::records::order::{Assurance, OrderRequest, Resell, TimeInForce};
use crate::units::Share;
use serde::ser::{Serialize, SerializeMap, Serializer};

fn unless_default<M: SerializeMap, T: Serialize + PartialEq>(
    map: &mut M,
    name: &'static str,
    value: &T,
    default: &T,
) -> Result<(), M::Error> {
    if value == default { Ok(()) } else { map.serialize_entry(name, value) }
}

/// For `#[serde(serialize_with)]`. The pattern names every field: a new one can't be forgotten.
pub fn serialize<S: Serializer>(request: &OrderRequest, serializer: S) -> Result<S::Ok, S::Error> {
    let OrderRequest {
        instance,
        window,
        latest_start_at,
        replicas,
        resources,
        pools,
        assurance,
        limit,
        min_fill,
        time_in_force,
        expires_at,
        resell,
        project,
        no_displacement,
        min_run_slots,
        class,
        client_bid_id,
    } = request;
    let mut map = serializer.serialize_map(None)?;
    unless_default(&mut map, "instance", instance, &None)?;
    map.serialize_entry("window", window)?;
    unless_default(&mut map, "latest_start_at", latest_start_at, &None)?;
    unless_default(&mut map, "replicas", replicas, &1)?;
    map.serialize_entry("resources", resources)?;
    map.serialize_entry("pools", pools)?;
    unless_default(&mut map, "assurance", assurance, &Assurance::default())?;
    map.serialize_entry("limit", limit)?;
    unless_default(&mut map, "min_fill", min_fill, &Share::default())?;
    unless_default(&mut map, "time_in_force", time_in_force, &TimeInForce::default())?;
    unless_default(&mut map, "expires_at", expires_at, &None)?;
    unless_default(&mut map, "resell", resell, &Resell::default())?;
    unless_default(&mut map, "project", project, &None)?;
    unless_default(&mut map, "no_displacement", no_displacement, &false)?;
    unless_default(&mut map, "min_run_slots", min_run_slots, &0)?;
    unless_default(&mut map, "class", class, &Class::default())?;
    unless_default(&mut map, "client_bid_id", client_bid_id, &None)?;
    map.end()
}

#[cfg(test)]
mod tests {
    use crate::command::Command;
    use crate::ids::ParticipantId;
    use crate::records::order::OrderRequest;

    fn through_the_journal(request: &OrderRequest) -> (OrderRequest, String) {
        let participant = ParticipantId::from_raw(1);
        let request = Box::new(request.clone());
        let command =
            Command::PlaceOrder { participant, side: crate::records::order::Side::Bid, request, client_order: None };
        let text = serde_json::to_string(&command).unwrap();
        match serde_json::from_str(&text).unwrap() {
            Command::PlaceOrder { request, .. } => (*request, text),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn defaults_are_left_out_and_everything_comes_back() {
        let least = r#"{"window":{"start_at":"2026-11-20T12:00:00Z","end_at":"2026-11-20T12:10:00Z"},
            "resources":{"cpu_milli":1},"pools":[{"pool":"a"}],"limit":"1"}"#;
        let least: OrderRequest = serde_json::from_str(least).unwrap();
        let (back, text) = through_the_journal(&least);
        assert_eq!(back, least);
        assert!(!text.contains("null"), "{text}");
        let all = r#"{"instance":"ins_01m7wesma7fgdaqfmrggmg43y8","latest_start_at":"2026-11-20T12:20:00Z","replicas":3,
            "window":{"start_at":"2026-11-20T12:00:00Z","end_at":"2026-11-20T12:10:00Z"},
            "resources":{"cpu_milli":1},"pools":[{"pool":"a","adder":"0.1"}],"assurance":"recallable","limit":"1",
            "min_fill":"0.5","time_in_force":"gtd","expires_at":"2026-11-20T12:00:00Z","resell":"never",
            "project":"p","no_displacement":true,"min_run_slots":2,
            "class":"critical","client_bid_id":"c"}"#;
        let all: OrderRequest = serde_json::from_str(all).unwrap();
        assert_eq!(through_the_journal(&all).0, all);
    }
}
