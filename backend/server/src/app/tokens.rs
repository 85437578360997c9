//! Access tokens: EdDSA, 15 minutes, audience and issuer checked; keys published as JWKS.
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use headroom_market::ids::{ParticipantId, UserId};
use headroom_market::participant::Role;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::Path;

/// Life of an access token.
pub const ACCESS_SECONDS: i64 = 15 * 60;
const ISSUER: &str = "headroom";
const AUDIENCE: &str = "headroom-api";

#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// Makes the successors of refresh tokens.
    succession: [u8; 32],
}

/// Separates the key for refresh tokens from the one that signs, though one file keeps both.
const SUCCESSION: &str = "headroom 2026-11-20 succession of refresh tokens";

/// PKCS #8 v1 header of an Ed25519 private key (RFC 8410 §7).
const PKCS8_PREFIX: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

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
        let public = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key().to_bytes();
        let mut der = PKCS8_PREFIX.to_vec();
        der.extend_from_slice(&seed);
        Self {
            encoding: EncodingKey::from_ed_der(&der),
            decoding: DecodingKey::from_ed_der(&public),
            key_id: blake3::hash(&public).to_hex()[..16].to_owned(),
            public,
            succession: blake3::derive_key(SUCCESSION, &seed),
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
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.key_id.clone());
        let (iat, exp) = (now_seconds, now_seconds + ACCESS_SECONDS);
        let (sid, iss, aud) = (session.to_owned(), ISSUER.to_owned(), AUDIENCE.to_owned());
        let claims = Claims { sub, participant, role, sid, iss, aud, iat, exp };
        encode(&header, &claims, &self.encoding).ok()
    }

    /// Only our algorithm, our key id, our issuer and audience. Whether it has expired is asked
    /// apart: signing out also works a little late.
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
        let kid_is_ours = data.header.kid.as_deref() == Some(self.key_id.as_str());
        kid_is_ours.then_some(data.claims)
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
        let hs = encode(&confused, &claims, &EncodingKey::from_secret(&keys.public)).unwrap();
        assert!(keys.genuine(&hs).is_none(), "HS256 with the public key as its secret");
    }
}
