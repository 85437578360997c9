//! Secrets of chance: tokens, families of refresh tokens, API keys.
use crate::app::failure::{Done, Failure};

/// 256 random bits, hex.
pub fn random_hex() -> Done<String> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|e| Failure::fault(&e))?;
    Ok(hex::encode(bytes))
}
