//! Password hashing: Argon2id with the parameters of OWASP's cheat sheet (19 MiB, 2 passes).
use argon2::{Algorithm, Argon2, Params, Version};

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const HASH_BYTES: usize = 32;
/// The fewest characters of a password.
pub const LEAST_CHARACTERS: usize = 12;

fn derive(password: &str, salt: &[u8]) -> Option<[u8; HASH_BYTES]> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(HASH_BYTES)).ok()?;
    let mut out = [0u8; HASH_BYTES];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), salt, &mut out)
        .ok()?;
    Some(out)
}

/// `argon2id$SALT$HASH`, hex.
pub fn hash(password: &str, salt: &[u8; 16]) -> String {
    let hash = derive(password, salt).unwrap_or_default();
    format!("argon2id${}${}", hex::encode(salt), hex::encode(hash))
}

/// Compares in constant time; works as long for an unknown user as for a known one.
pub fn verify(password: &str, stored: Option<&str>) -> bool {
    let mut parts = stored.unwrap_or("argon2id$00000000000000000000000000000000$00").split('$').skip(1);
    let salt = parts.next().and_then(|s| hex::decode(s).ok()).unwrap_or_default();
    let expected = parts.next().and_then(|s| hex::decode(s).ok()).unwrap_or_default();
    let Some(actual) = derive(password, &salt) else { return false };
    let same_length = expected.len() == actual.len();
    let difference = expected.iter().zip(&actual).fold(0u8, |acc, (a, b)| acc | (a ^ b));
    stored.is_some() && same_length && difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_passes() {
        let stored = hash("correct horse battery", &[7; 16]);
        assert!(verify("correct horse battery", Some(&stored)));
        assert!(!verify("correct horse batterz", Some(&stored)));
        assert!(!verify("correct horse battery", None));
        assert!(!verify("", Some("argon2id$$")));
    }
}
