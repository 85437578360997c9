//! Access tokens: EdDSA, 15 minutes, audience and issuer checked; keys published as JWKS.
use crate::app::token_signing;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use headroom_market::ids::{ParticipantId, UserId};
use headroom_market::participant::{Role, User};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::Path;

/// Life of an access token.
pub const ACCESS_SECONDS: i64 = 15 * 60;
const ISSUER: &str = "headroom";
const AUDIENCE: &str = "headroom-api";

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    pub sub: UserId,
    pub participant: ParticipantId,
    pub role: Role,
    /// The session that it belongs to: the family of its refresh tokens.
    pub sid: String,
    pub iss: String,
    pub aud: String,
    pub iat: i64,
    pub exp: i64,
}

impl Claims {
    /// Whether a token that says this is good by now, as far as time goes.
    pub fn are_in_time(&self, now_seconds: i64) -> bool {
        self.iat <= now_seconds + 60 && now_seconds < self.exp
    }
}

pub struct TokenKeys {
    encoding: EncodingKey,
    decoding: DecodingKey,
    key_id: String,
    public: [u8; 32],
    /// The header of every token.
    header: Header,
    /// Makes the successors of refresh tokens.
    succession: [u8; 32],
    csrf: [u8; 32],
    browsers: [u8; 32],
}

/// These separate the other keys from the one that signs, though one file keeps all.
const SUCCESSION: &str = "headroom 2026-11-20 succession of refresh tokens";
const CSRF: &str = "headroom 2026-11-29 CSRF tokens of sessions";
const BROWSERS: &str = "headroom 2026-11-29 browsers that have signed in";

impl TokenKeys {
    /// Reads the signing key of the data directory, or makes one (mode 0600).
    pub fn load_or_create(data: &Path) -> std::io::Result<Self> {
        let path = data.join("token-signing.key");
        let seed = match std::fs::read(&path) {
            Ok(bytes) => bytes.try_into().map_err(|_| {
                std::io::Error::other(format!(
                    "{} is damaged; remove it to sign everybody out and make a new one",
                    path.display()
                ))
            })?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let mut seed = [0u8; 32];
                getrandom::fill(&mut seed).map_err(std::io::Error::other)?;
                write_private(&path, &seed).map_err(|e| {
                    let step = "The data directory must be one that this user may write";
                    std::io::Error::new(e.kind(), format!("cannot write {}: {e}. {step}", path.display()))
                })?;
                seed
            }
            Err(e) => {
                let step =
                    "It must be a file that this user may read; move it away to sign everybody out and make a new one";
                return Err(std::io::Error::new(e.kind(), format!("cannot read {}: {e}. {step}", path.display())));
            }
        };
        Ok(Self::from_seed(seed))
    }

    pub fn from_seed(seed: [u8; 32]) -> Self {
        token_signing::install();
        let public = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key().to_bytes();
        let key_id = blake3::hash(&public).to_hex()[..16].to_owned();
        let header = Header { kid: Some(key_id.clone()), ..Header::new(Algorithm::EdDSA) };
        Self {
            encoding: EncodingKey::from_ed_der(&seed),
            decoding: DecodingKey::from_ed_der(&public),
            key_id,
            public,
            header,
            succession: blake3::derive_key(SUCCESSION, &seed),
            csrf: blake3::derive_key(CSRF, &seed),
            browsers: blake3::derive_key(BROWSERS, &seed),
        }
    }

    /// The secret of the refresh token that follows this one.
    pub fn successor_secret(&self, token: &str) -> String {
        blake3::keyed_hash(&self.succession, token.as_bytes()).to_hex().to_string()
    }

    pub fn issue(
        &self,
        sub: UserId,
        participant: ParticipantId,
        role: Role,
        session: &str,
        now_seconds: i64,
    ) -> Option<String> {
        let (iat, exp) = (now_seconds, now_seconds + ACCESS_SECONDS);
        let (sid, iss, aud) = (session.to_owned(), ISSUER.to_owned(), AUDIENCE.to_owned());
        let claims = Claims { sub, participant, role, sid, iss, aud, iat, exp };
        encode(&self.header, &claims, &self.encoding).ok()
    }

    /// Only with our header and no more in it, our issuer and audience, and no claims but ours: `crit` and `nbf` would ask
    /// for what is not looked at here. Whether it has expired is asked apart: signing out also works a little late.
    pub fn genuine(&self, token: &str) -> Option<Claims> {
        if token.len() > 2048 {
            return None;
        }
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        // The market's clock decides, not the wall clock: simulations sign in too.
        validation.validate_exp = false;
        let data = decode::<Claims>(token, &self.decoding, &validation).ok()?;
        (data.header == self.header).then_some(data.claims)
    }

    /// What writes by cookies of the session have to show. Each has a part of its own: pages see by it that a session
    /// was renewed.
    pub fn csrf_token(&self, session: &str, own: &str) -> String {
        format!("{own}.{}", self.csrf_proof(session, own))
    }

    pub fn is_csrf_token_of(&self, token: &str, session: &str) -> bool {
        let proof = |proof: &str| blake3::Hash::from_hex(proof).ok();
        // Hashes are compared in constant time.
        token.split_once('.').is_some_and(|(own, shown)| proof(shown) == Some(self.csrf_proof(session, own)))
    }

    fn csrf_proof(&self, session: &str, own: &str) -> blake3::Hash {
        blake3::keyed_hash(&self.csrf, format!("{session} {own}").as_bytes())
    }

    /// What a browser keeps that has signed in to the account, until its password changes.
    pub fn browser_of(&self, user: &User) -> blake3::Hash {
        blake3::keyed_hash(&self.browsers, format!("{} {}", user.id, user.password_hash).as_bytes())
    }

    pub fn is_of_browser(&self, shown: &str, user: &User) -> bool {
        blake3::Hash::from_hex(shown).is_ok_and(|shown| shown == self.browser_of(user))
    }

    pub fn jwks(&self) -> serde_json::Value {
        serde_json::json!({ "keys": [{
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
            "kid": self.key_id, "x": URL_SAFE_NO_PAD.encode(self.public),
        }]})
    }
}

/// Writes a file that only its owner can read.
pub fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::File::options();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_fresh_tokens_pass() {
        let keys = TokenKeys::from_seed([1; 32]);
        let (user, participant) = (UserId::from_raw(5), ParticipantId::from_raw(6));
        let token = keys.issue(user, participant, Role::Bidder, "session", 1000).unwrap();
        let claims = keys.genuine(&token).unwrap();
        assert_eq!((claims.sub, claims.sid.as_str()), (user, "session"));
        assert!(claims.are_in_time(1000) && claims.are_in_time(1000 + ACCESS_SECONDS - 1));
        assert!(!claims.are_in_time(1000 + ACCESS_SECONDS), "expired");
        assert!(!claims.are_in_time(1000 - 61), "from the future");
        assert!(TokenKeys::from_seed([2; 32]).genuine(&token).is_none(), "another key");
        assert!(keys.genuine(&token[..token.len() - 2]).is_none(), "truncated");
        let none = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), token.split('.').nth(1).unwrap());
        assert!(keys.genuine(&none).is_none(), "alg none");
        let confused = Header { kid: Some(keys.key_id.clone()), ..Header::new(Algorithm::HS256) };
        let secret = EncodingKey::from_secret(&keys.public);
        assert!(encode(&confused, &claims, &secret).is_err(), "there is no HS256 here");
        let part = |json: String| URL_SAFE_NO_PAD.encode(json);
        let (header, claims) = (serde_json::to_string(&confused).unwrap(), serde_json::to_string(&claims).unwrap());
        let message = format!("{}.{}", part(header), part(claims));
        let signed = jsonwebtoken::crypto::sign(message.as_bytes(), &keys.encoding, Algorithm::EdDSA).unwrap();
        assert!(keys.genuine(&format!("{message}.{signed}")).is_none(), "our own signature under another algorithm");
    }

    #[test]
    fn tokens_that_ask_for_more_than_ours_are_refused() {
        let keys = TokenKeys::from_seed([1; 32]);
        let token = keys.issue(UserId::from_raw(5), ParticipantId::from_raw(6), Role::Bidder, "session", 1000).unwrap();
        let mut claims = serde_json::to_value(keys.genuine(&token).unwrap()).unwrap();
        let signed = |header: &Header, claims: &serde_json::Value| encode(header, claims, &keys.encoding).unwrap();
        assert!(keys.genuine(&signed(&keys.header, &claims)).is_some(), "as it is issued");
        let critical = Header { crit: Some(vec!["exp".to_owned()]), ..keys.header.clone() };
        assert!(keys.genuine(&signed(&critical, &claims)).is_none(), "crit");
        let mut more = keys.header.clone();
        more.extras.insert("b64", false);
        assert!(keys.genuine(&signed(&more, &claims)).is_none(), "an unknown header");
        claims["nbf"] = 5000.into();
        assert!(keys.genuine(&signed(&keys.header, &claims)).is_none(), "nbf");
    }

    #[test]
    fn csrf_tokens_are_of_their_session_alone() {
        let keys = TokenKeys::from_seed([1; 32]);
        let token = keys.csrf_token("session", "chance");
        assert!(keys.is_csrf_token_of(&token, "session"));
        assert!(!keys.is_csrf_token_of(&token, "another"));
        assert!(!TokenKeys::from_seed([2; 32]).is_csrf_token_of(&token, "session"));
        for forged in ["", ".", "chance", "chance.", &token.replace("chance", "change"), &token[..token.len() - 1]] {
            assert!(!keys.is_csrf_token_of(forged, "session"), "{forged}");
        }
    }
}
