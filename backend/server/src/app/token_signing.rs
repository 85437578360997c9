//! Ed25519 for the `jsonwebtoken` crate, by `ed25519-dalek` alone: no other algorithm exists here, so none can be asked
//! for, and no C compiler is needed.
use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _, VerifyingKey};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind, Result};
use jsonwebtoken::signature::{Error as Unsigned, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};

static PROVIDER: CryptoProvider =
    CryptoProvider { signer_factory: signer, verifier_factory: verifier, key_utils: KeyUtils::new_unimplemented() };

/// Once in a process; later calls change nothing.
pub fn install() {
    let _ = PROVIDER.install_default();
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Ok(Box::new(Signs(SigningKey::from_bytes(&bytes_of(algorithm, key.as_bytes())?))))
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let bytes = bytes_of(algorithm, key.try_get_as_bytes()?)?;
    Ok(Box::new(Verifies(VerifyingKey::from_bytes(&bytes).map_err(|_| Error::from(ErrorKind::InvalidEddsaKey))?)))
}

fn bytes_of(algorithm: &Algorithm, key: &[u8]) -> Result<[u8; 32]> {
    if *algorithm != Algorithm::EdDSA {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    key.try_into().map_err(|_| ErrorKind::InvalidEddsaKey.into())
}

struct Signs(SigningKey);

impl Signer<Vec<u8>> for Signs {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, Unsigned> {
        Ok(self.0.sign(message).to_bytes().to_vec())
    }
}

impl JwtSigner for Signs {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

struct Verifies(VerifyingKey);

impl Verifier<Vec<u8>> for Verifies {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Unsigned> {
        let signature = Signature::from_slice(signature).map_err(|_| Unsigned::new())?;
        self.0.verify(message, &signature).map_err(|_| Unsigned::new())
    }
}

impl JwtVerifier for Verifies {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}
