//! What the command line asks for, checked before anything is written.
use super::UpArgs;
use crate::demo::seed;
use anyhow::bail;
use headroom_market::market::Rhythm;

/// Slots of a market whose first start named no other length.
const SLOT_SECONDS: i64 = 300;

/// The rhythm of a market that begins now.
pub fn rhythm_of_a_new_market(args: &UpArgs) -> anyhow::Result<Rhythm> {
    match wished_rhythm(args)? {
        Some(rhythm) => Ok(rhythm),
        None if args.demo => Ok(seed::RHYTHM),
        None => own_rhythm(SLOT_SECONDS),
    }
}

fn own_rhythm(slot_seconds: i64) -> anyhow::Result<Rhythm> {
    let lead_seconds = (slot_seconds / 5).clamp(2, 60);
    let round_seconds = (slot_seconds / 30).clamp(2, 10);
    let rhythm = Rhythm { slot_seconds, horizon_slots: 6, lead_seconds, round_seconds };
    match rhythm.fault() {
        Some(fault) => bail!("--slot-seconds {slot_seconds} is not possible: {fault}"),
        None => Ok(rhythm),
    }
}

/// The rhythm that the command line asks for, if it does.
pub fn wished_rhythm(args: &UpArgs) -> anyhow::Result<Option<Rhythm>> {
    let Some(slot_seconds) = args.slot_seconds else { return Ok(None) };
    if args.demo && slot_seconds != seed::RHYTHM.slot_seconds {
        bail!("a demo has slots of {} seconds: leave --slot-seconds out", seed::RHYTHM.slot_seconds);
    }
    if args.demo { Ok(Some(seed::RHYTHM)) } else { own_rhythm(slot_seconds).map(Some) }
}

/// An address that links can be made of and that says whether it is https.
pub fn checked_url(text: &str) -> anyhow::Result<String> {
    let uri: Option<axum::http::Uri> = text.trim_end_matches('/').parse().ok();
    let whole = uri.filter(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    let whole = whole.filter(|uri| uri.path() == "/" && uri.query().is_none());
    match whole {
        Some(_) => Ok(text.trim_end_matches('/').to_owned()),
        None => bail!(
            "--public-url `{text}` is not the address of a server. Write it with http or https and without a path, for example https://headroom.example.org"
        ),
    }
}

/// The first admin of a market that is not a demo.
pub fn admin_of(args: &UpArgs) -> anyhow::Result<(&str, &str)> {
    let (Some(email), Some(password)) = (&args.admin_email, &args.admin_password) else {
        bail!(
            "a new market needs its first admin: set HEADROOM_ADMIN_EMAIL and HEADROOM_ADMIN_PASSWORD (at least 12 characters), or try --demo"
        );
    };
    if !crate::app::directory::is_email(email) {
        bail!("HEADROOM_ADMIN_EMAIL `{email}` is not an e-mail address. It looks like name@example.org");
    }
    if password.chars().count() < crate::app::passwords::LEAST_CHARACTERS {
        bail!("HEADROOM_ADMIN_PASSWORD must have at least {} characters", crate::app::passwords::LEAST_CHARACTERS);
    }
    Ok((email, password))
}
