//! Every problem code with its status and what to do: the source of `openapi/problems.md`.
use headroom_market::book::Rejection;
use headroom_market::refusal::{Refusal, RefusalKind};
use std::fmt::Write;

pub struct Entry {
    pub code: &'static str,
    pub status: u16,
    pub detail: String,
}

/// Codes that do not come from the refusal of an order.
const OTHERS: [(&str, u16, &str); 180] = [
    ("not_json", 400, "The body is not JSON."),
    ("host_required", 400, "Send one Host header, as HTTP/1.1 requires."),
    ("idempotency_key_required", 400, "Send an Idempotency-Key header; repeat it when you repeat the request."),
    ("unauthorized", 401, "Sign in, or send a valid API key."),
    ("forbidden", 403, "The role or the scopes of the key do not allow it."),
    ("not_found", 404, "No such object, or somebody else's."),
    ("no_such_route", 404, "There is no such route; /docs lists them all."),
    ("method_not_allowed", 405, "This path does not have that method; /docs lists what it has."),
    (
        "not_available",
        409,
        "The participant has not so many credits available; what is held or spent can't be taken back.",
    ),
    ("operator_does_not_trade", 422, "The operator's own participant has no use for credits."),
    ("clock_is_real", 409, "Only a server started with --sim-clock can be advanced."),
    ("approval_not_needed", 409, "The swap waits for nobody's approval: it is a resize, or its pools ask for none."),
    ("swap_answered", 409, "Somebody has approved or rejected the move already; the detail says when."),
    ("answer_too_late", 409, "Too little of the move's slot is left; what it was for is planned again."),
    ("not_asked_yet", 409, "The move's shadow run has not passed yet: there is nothing to look at."),
    ("swap_withdrawn", 409, "Nobody needs to answer any more, and the move ends in a moment; the detail says why."),
    ("swap_cancelled", 409, "Somebody has cancelled the swap, and it ends in a moment."),
    ("swap_ended", 409, "The swap has ended; the detail says how."),
    ("swap_in_progress", 409, "Wait until the swap of this workload has ended."),
    (
        "capacity_lent",
        409,
        "The workload has lent what the new baseline would take away; change it after the slot that the detail names.",
    ),
    (
        "capacity_won",
        409,
        "With what the workload has won the new baseline would pass its limit; change it after the slot that the detail names.",
    ),
    ("order_replaced", 409, "The order was replaced; cancel the one that replaces it."),
    (
        "scarcity_needs_approval",
        409,
        "Prices of this market need two people; this setting can't be approved by a second one.",
    ),
    (
        "scarcity_is_priced",
        409,
        "Reserve prices are not tried on a resource whose supply is priced by the chance of a shortage.",
    ),
    ("dispute_too_late", 409, "A receipt may be disputed for seven days after it was recorded."),
    ("dispute_exists", 409, "The receipt has a dispute that is open or decided; the detail names it."),
    ("dispute_decided", 409, "The dispute was decided; what was decided stays."),
    ("too_many_disputes", 409, "Withdraw an open dispute, or wait until one is decided."),
    ("nothing_to_dispute", 409, "The receipt charged nothing, and nothing is missing on it."),
    (
        "claim_out_of_range",
        422,
        "Claim more than 0 and no more than the receipt is about; the detail says how much that is.",
    ),
    ("note_out_of_range", 422, "A note is from 0, which rejects the dispute, to what is claimed."),
    ("no_host_fits", 409, "No node of the pool has room for this baseline."),
    (
        "round_under_way",
        409,
        "There is room, but the round that is being cleared may award it; try again in a few seconds.",
    ),
    ("drilled_lately", 409, "The workload was drilled less than a minute ago; the result stands in its `drill`."),
    (
        "instance_suspended",
        409,
        "The workload stands still, written to disk, until it has the memory of `suspended.needs` again.",
    ),
    ("slot_over", 409, "Recall for the present slot, or a later one."),
    ("nothing_to_recall", 409, "The workload has lent nothing in that slot that it may take back."),
    ("nothing_to_draw", 409, "Nothing of the resource is free on the workload's node in this slot."),
    ("draw_too_dear", 409, "What is free costs more than the highest price that was named."),
    ("draw_failed", 409, "What was to be drawn could not be awarded. This is a fault of Headroom."),
    (
        "draw_of_scarce",
        409,
        "The resource is priced by the chance of a shortage in this pool, and not drawn; bid for it.",
    ),
    ("slot_nearly_over", 409, "Too little of the slot is left for anything to be drawn in it."),
    ("slot_not_traded", 409, "The market's first slot has not begun."),
    (
        "workload_changes",
        409,
        "The workload is being resized or moved, is in another pool, or stands still; try again when that is over.",
    ),
    (
        "workload_pinned",
        409,
        "A move of the workload to where it has won capacity has failed; it stays, and what it had won is credited.",
    ),
    ("node_takes_nothing", 409, "The workload's node is cordoned, or is down: it takes nothing new."),
    (
        "draws_by_hand_only",
        422,
        "A resource that is not drawn automatically, as a program in need of it does not show.",
    ),
    ("nothing_recallable", 409, "The pool has no resource that can be taken back in the middle of a slot."),
    ("no_supply_in_recallable", 422, "The operator has no supply in a recallable pool; its prices come from lenders."),
    ("promise_of_recallable", 422, "A service level can't be promised on what others may take back."),
    ("pop_out_of_range", 422, "The place of a pool has no * and no /. Choose another name."),
    ("too_many_pools", 422, "A workload may move to 8 pools or levels at most. Name fewer, or a higher level."),
    ("adopted_stays", 422, "An adopted workload stays where it runs. Leave move_to empty."),
    ("slug_out_of_range", 422, "A slug has 1 to 40 characters from a-z, 0-9 and -."),
    ("share_out_of_range", 422, "A share is from \"0\" to \"1\"; every step of a schedule has one above 0."),
    ("price_out_of_range", 422, "A reserve price is 0 or more, and rises from step to step up to the price cap."),
    ("amount_out_of_range", 422, "A grant is of up to 1000000000 credits, below 0 to take back, and not 0."),
    ("email_invalid", 422, "An address looks like name@example.org."),
    ("password_out_of_range", 422, "A password has 12 to 200 characters."),
    ("no_memberships", 422, "A user needs at least one membership."),
    (
        "role_not_here",
        422,
        "finance, admin and operator belong to the operator's participant, bidder and tenant to the others.",
    ),
    ("positions_out_of_range", 422, "A shadow run compares from 1 to 200 input positions."),
    ("typical_above_peak", 422, "What a profile says is typical is from 0 to its peak."),
    ("duplicate", 422, "The entry is in the list twice."),
    ("instance_or_pool", 422, "Send either instance_id or pool."),
    ("minutes_out_of_range", 422, "minutes is from 1 to 1440."),
    ("period_empty", 422, "The end of a period is after its beginning."),
    ("seconds_out_of_range", 422, "A simulated clock goes on by 0 to 3600 seconds."),
    ("duplicate_slug", 409, "Slugs are never reused."),
    ("duplicate_email", 409, "There is a user with this address already."),
    ("stale_version", 412, "Somebody else changed it: read it again and repeat the change."),
    ("body_too_large", 413, "The body is too large."),
    ("unsupported_media_type", 415, "Send application/json."),
    ("missing", 422, "A required field is missing."),
    ("unknown_field", 422, "The field is not known here."),
    ("duplicate_field", 422, "The field is there twice."),
    ("wrong_type", 422, "The field has another type."),
    ("invalid", 422, "The field has a value that is not possible."),
    ("query_invalid", 422, "A query parameter is wrong."),
    ("idempotency_key_invalid", 422, "The key has 1 to 255 printable characters."),
    ("idempotency_key_reused", 422, "The key was used for another request."),
    ("page_limit_out_of_range", 422, "A page has 1 to 500 objects."),
    ("two_cursors", 422, "Send starting_after or ending_before, not both."),
    ("name_out_of_range", 422, "A name has 1 to 100 printable characters, and letters of one alphabet."),
    ("quota_exceeded", 422, "Ask an admin for more quota."),
    ("floor_above_baseline", 422, "The capacity floor must not be above the baseline."),
    ("limit_below_baseline", 422, "The limit must not be below the baseline."),
    ("move_fee_out_of_range", 422, "A move fee is from 0 to a million credits."),
    ("notice_out_of_range", 422, "The notice of a strategy is from 0 to 86,400 seconds, a day."),
    ("service_level_out_of_range", 422, "A promised service level is more than 0 and less than 1, like 0.95."),
    ("too_many_keys", 409, "A participant has at most 64 API keys that work; revoke one first."),
    ("participant_name_taken", 409, "Another participant has this name; choose another one."),
    ("too_many_modules", 409, "A participant has at most 100 modules; use one that is there."),
    ("baseline_below_module_memory", 422, "The baseline has less memory than the module starts with; raise it."),
    (
        "too_many_questions",
        429,
        "Send one preview or swap request after the other, or wait for the time in Retry-After.",
    ),
    ("too_many_uploads", 429, "Upload one module after the other, or wait for the time in Retry-After."),
    ("compiler_busy", 503, "Too many modules are being checked; wait for the time in Retry-After."),
    ("limit_above_driver", 422, "A workload of this driver can't have that much memory; the detail says how much."),
    ("module_refused", 422, "The module does not follow the rules for guests; the detail says which."),
    (
        "driver_unknown",
        422,
        "Modules are run by the driver wasm, commands by command; leave `driver` out or name that one.",
    ),
    ("module_or_command", 422, "A workload is made of a module or of a command: name one of the two."),
    (
        "candidate_not_found",
        422,
        "Nothing that can be adopted there has this number or name; list the candidates, as it may be another's by now.",
    ),
    ("process_protected", 422, "Headroom, what it has started and what has started it are not adopted."),
    ("service_taken", 409, "The service is a workload already; the detail names it."),
    ("service_unavailable", 422, "The service cannot be started now; the detail says why."),
    ("already_adopted", 409, "It is a workload already; the detail names it."),
    ("job_not_adoptable", 422, "The job cannot be adopted; the detail says why."),
    ("pod_not_adoptable", 422, "The pod cannot be adopted; the detail says why."),
    ("vm_not_adoptable", 422, "The virtual machine cannot be adopted; the detail says why."),
    ("one_of_two", 422, "Give one of the fields that exclude each other, not several and not none."),
    (
        "node_without_agent",
        409,
        "The node is on the server's own host; make a node with \"properties\": {\"agent\": 1}.",
    ),
    (
        "pool_of_other_nodes",
        422,
        "A pool has nodes of agents, or of the server's own host, not both; make another pool.",
    ),
    ("address_of_others", 409, "10.0.0.5 is the address of another host. Start the agent with --address and its own."),
    ("another_host", 409, "Another host speaks for this node; give each host a node of its own."),
    ("starting_up", 503, "The server starts or ends; an agent asks again and changes nothing meanwhile."),
    ("driver_unavailable", 409, "Nothing can be adopted on this node now; the detail says why."),
    (
        "floor_below_driver",
        422,
        "The kernel holds a process or a pod to 10 cpu_milli at least; ask for a floor of 10 or more.",
    ),
    ("module_not_startable", 422, "An adopted workload is no module; an operator adopts the next one."),
    ("command_unavailable", 422, "The operator offers this command, and its program is not there now."),
    (
        "arguments_invalid",
        422,
        "A command has at most 32 arguments of 500 bytes without control characters, a module none.",
    ),
    ("price_or_steps", 422, "Send either price or steps."),
    ("price_too_fine", 422, "A reserve price has at most 6 digits after the point."),
    ("shares_not_whole", 422, "The shares of all steps must add up to 1."),
    ("effective_in_the_past", 422, "Prices of cleared slots never change."),
    ("effective_too_far", 422, "A reserve price begins at most 366 days from now; check the year."),
    ("nothing_to_change", 422, "The body names nothing that could be changed; the detail says what may be."),
    ("steps_out_of_range", 422, "A schedule has 1 to 16 steps."),
    ("rounds_out_of_range", 422, "A simulation replays 1 to 240 rounds."),
    ("last_round_out_of_range", 422, "Rounds are numbered from 1 to the latest."),
    ("elasticity_out_of_range", 422, "Elasticities are from 0 to 3, with two digits at most, low before high."),
    ("own_proposal", 409, "Another person than its author approves or rejects it; the author may withdraw it."),
    ("not_own_proposal", 409, "Only its author withdraws it; reject it instead."),
    ("proposal_decided", 409, "It was approved, rejected or withdrawn already; the detail says when."),
    ("not_pending", 409, "It was scheduled without asking a second person."),
    ("approval_too_late", 409, "It was to take effect in the past; reject it and propose it again."),
    ("simulation_running", 503, "One simulation runs at a time; wait for the time in Retry-After."),
    ("capacity_empty", 422, "A node has something of a resource of its pool."),
    ("resource_left_out", 422, "Name every resource that the workload has of it; 0 takes it away."),
    ("resource_not_in_pool", 422, "The pool does not have this resource."),
    (
        "resource_not_enforced",
        422,
        "No node of the pool limits and meters this resource. Choose a pool that has it, or leave it out.",
    ),
    ("horizon_out_of_range", 422, "Horizons are whole slots inside the horizon, in minutes."),
    ("if_match_required", 428, "Read the object first and send its ETag as If-Match."),
    ("rate_limited", 429, "Wait for the time in Retry-After."),
    ("internal_error", 500, "The server failed; tell the operator the request id."),
    ("overloaded", 503, "Too many commands are waiting; wait for the time in Retry-After."),
    ("body_too_slow", 408, "The body did not arrive in time; send it again, faster."),
    (
        "acting_for_another",
        409,
        "The credentials act for another than the headers Headroom-Participant and Headroom-User name; nothing was done. Read GET /v1/me first.",
    ),
    ("refresh_repeated", 409, "Use the refresh token that came for this one."),
    ("not_a_session", 409, "An API key is revoked, not signed out."),
    ("duplicate_name", 409, "There is a node of this name already."),
    ("too_many_instances", 409, "Stop a workload, or ask an admin for a higher instance limit."),
    ("too_many_hints", 409, "Withdraw a hint, or wait until one expires."),
    ("too_many_profiles", 409, "Change an application profile with PUT instead of adding one."),
    ("too_many_projects", 409, "A participant has at most 64 projects; delete one that is no longer used."),
    ("project_limit_too_low", 409, "More than that is spent or held for the project's bids; the detail says how much."),
    ("project_has_open_orders", 409, "Cancel or replace the open bids that name the project first."),
    ("project_limit_out_of_range", 422, "A project's limit is from 0 to 1000000000 credits."),
    ("project_name_invalid", 422, "A project's name has 1 to 64 letters, digits, '-', '_' or '.'."),
    ("event_id_invalid", 422, "The id of an event is a number from 0 up."),
    ("topic_unknown", 422, "There are no such events; the detail names those that there are."),
    ("cursor_invalid", 422, "A cursor is the id of an object of this list."),
    ("action_unknown", 422, "There is no action of this name; the detail lists those that there are."),
    ("status_unknown", 422, "The detail names the statuses that there are."),
    ("reason_out_of_range", 422, "A reason has 1 to 200 printable characters."),
    ("scopes_empty", 422, "Name some scopes, or leave `scopes` out."),
    ("scope_not_allowed", 422, "A key has at most the scopes of who makes it."),
    ("membership_repeated", 422, "A user has one role in a participant."),
    ("resource_repeated", 422, "Each resource of a pool is listed once."),
    ("instance_limit_out_of_range", 422, "A participant may have from 0 to 10000 running workloads."),
    ("hint_empty", 422, "A hint says what will be needed, or which nodes to avoid."),
    ("criteria_contradict", 422, "More capacity costs more: send one of the two criteria."),
    ("percent_out_of_range", 422, "A percentage of the request is out of range."),
    ("max_cost_negative", 422, "A recommendation may cost 0 or more."),
    ("latest_too_early", 422, "No open slot begins by then; the detail names the first one."),
    ("too_many_streams", 429, "Close an event stream; one can carry all topics."),
    ("sign_in_busy", 503, "Too many people are signing in at this moment; wait for the time in Retry-After."),
    ("disk_nearly_full", 503, "The exchange's disk is nearly full; nothing new is taken until there is room again."),
    ("stopping", 503, "The server is stopping, and nothing was done; try again."),
    (
        "outcome_unknown",
        503,
        "The server lost its database, or ended, before it was known whether this was done; look, or send the same again with the same Idempotency-Key.",
    ),
    ("database_away", 503, "The database can't be reached, and nothing was done; wait for the time in Retry-After."),
];

pub fn entries() -> Vec<Entry> {
    let mut list: Vec<Entry> = OTHERS
        .iter()
        .map(|(code, status, detail)| Entry { code, status: *status, detail: (*detail).to_owned() })
        .collect();
    for rejection in Rejection::catalogue() {
        let refusal = Refusal::from(rejection);
        let status = match refusal.kind {
            RefusalKind::Invalid => 422,
            RefusalKind::NotFound => 404,
            RefusalKind::Conflict => 409,
            RefusalKind::StaleVersion => 412,
            RefusalKind::Payment => 402,
        };
        if !list.iter().any(|e| e.code == refusal.code) {
            list.push(Entry { code: refusal.code, status, detail: refusal.detail });
        }
    }
    list.sort_by_key(|e| (e.status, e.code));
    list
}

/// The catalogue as a document.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Problem codes\n\nGenerated by `headroom openapi --problems`; a test compares it. Every error is an RFC 9457 problem with one of these codes; `errors[]` names the fields. Unknown codes must be tolerated.\n\n| status | code | what it says (an example) |\n|---|---|---|\n",
    );
    for entry in entries() {
        let _infallible = writeln!(text, "| {} | `{}` | {} |", entry.status, entry.code, entry.detail);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Refusals of what the exchange tells itself, which no request brings about.
    const OWN: [&str; 8] = [
        "no_outcome",
        "outcome_refused",
        "market_open",
        "rhythm_impossible",
        "round_not_sealed",
        "relocation_not_allowed",
        "relocations_enough",
        "relocation_outdated",
    ];

    /// What a code stands behind in the sources: the constructors of refusals and problems.
    const BEFORE: [&str; 9] = [
        "invalid(",
        "conflict(",
        "conflict_at(",
        "too_many(",
        "busy(",
        "Problem::field(",
        "Problem::new(",
        "RefusalKind::",
        "StatusCode::",
    ];

    fn is_code(text: &str) -> bool {
        text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    }

    /// The first literal after a constructor, if nothing but a kind or a status stands before it.
    fn code_after(text: &str) -> Option<&str> {
        let (before, rest) = text.split_once('"')?;
        let plain = before.trim().chars().all(|c| c.is_ascii_alphanumeric() || "_:, \n".contains(c));
        let code = rest.split('"').next()?;
        (plain && before.len() < 120 && is_code(code)).then_some(code)
    }

    fn codes_below(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder of the sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                // books have faults of their own
                if !path.ends_with("clearing") {
                    codes_below(&path, found);
                }
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a source");
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            for before in BEFORE {
                found.extend(text.split(before).skip(1).filter_map(code_after).map(str::to_owned));
            }
        }
    }

    #[test]
    fn every_code_of_the_sources_is_in_the_catalogue() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut found = Vec::new();
        for folder in ["src/http", "src/app", "../market/src"] {
            codes_below(&here.join(folder), &mut found);
        }
        assert!(found.len() > 150, "the sources are read: {}", found.len());
        let known: Vec<&str> = entries().iter().map(|e| e.code).collect();
        found.retain(|code| !known.contains(&code.as_str()) && !OWN.contains(&code.as_str()));
        found.dedup();
        assert!(found.is_empty(), "not in the catalogue: {found:?}");
    }
}
