//! Whom a request is meant for: it may say so, and is refused where its credentials are another's.
//!
//! The cookies of a session belong to the browser and not to one of its pages: whoever signs in or
//! chooses another participant in one tab changes what all the other tabs send. So each page says
//! for whom it shows the market, and an order that it places is never somebody else's. Clients
//! with a key may say it as well; who says nothing acts for whom the credentials are.
use crate::app::directory::Identity;
use crate::http::problem::Problem;
use axum::http::{HeaderMap, StatusCode};

pub const PARTICIPANT_HEADER: &str = "Headroom-Participant";
pub const USER_HEADER: &str = "Headroom-User";

/// Before anything is done: nothing has happened where this refuses.
pub fn check(headers: &HeaderMap, by: &Identity) -> Result<(), Problem> {
    is_meant(headers, PARTICIPANT_HEADER, by.participant)?;
    is_meant(headers, USER_HEADER, by.user)
}

/// A text that is no id at all names nobody, so it is refused like any other one's.
fn is_meant(headers: &HeaderMap, name: &str, own: impl std::fmt::Display) -> Result<(), Problem> {
    let mut named = headers.get_all(name).iter().peekable();
    if named.peek().is_none() {
        return Ok(());
    }
    let own = own.to_string();
    if named.all(|value| value.as_bytes() == own.as_bytes()) {
        return Ok(());
    }
    let detail = format!(
        "{name} names another than {own}, for whom these credentials act. Nothing was done. Read GET /v1/me, and send the request again if it is meant for them."
    );
    let mut problem = Problem::field("acting_for_another", name, detail);
    problem.status = StatusCode::CONFLICT;
    Err(problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};
    use headroom_market::ids::{ParticipantId, UserId};
    use headroom_market::participant::Role;

    fn refused(named: &[(&'static str, &str)]) -> bool {
        let (user, participant) = (UserId::from_raw(1), ParticipantId::from_raw(2));
        let by = Identity { user, participant, role: Role::Tenant, scopes: [].into(), actor: "".into() };
        let mut headers = HeaderMap::new();
        for (name, value) in named {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        check(&headers, &by).is_err()
    }

    #[test]
    fn only_its_own_names_pass_and_each_of_them_counts() {
        let (user, participant) = (UserId::from_raw(1).to_string(), ParticipantId::from_raw(2).to_string());
        assert!(!refused(&[]));
        assert!(!refused(&[(PARTICIPANT_HEADER, &participant), (USER_HEADER, &user)]));
        let other = ParticipantId::from_raw(3).to_string();
        for named in [
            [(PARTICIPANT_HEADER, other.as_str()), (USER_HEADER, &user)],
            [(PARTICIPANT_HEADER, &participant), (USER_HEADER, "usr_")],
            [(PARTICIPANT_HEADER, &participant), (PARTICIPANT_HEADER, &other)],
            [(PARTICIPANT_HEADER, ""), (USER_HEADER, &user)],
        ] {
            assert!(refused(&named), "{named:?}");
        }
    }
}
