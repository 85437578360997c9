use super::{Book, Mode, Outcome};
pub struct Broken { pub rule: String, pub what: String, pub numbers: String }
impl std::fmt::Display for Broken { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { write!(f, "{}: {} {}", self.rule, self.what, self.numbers) } }
pub struct Verified<T>(T);
impl<T> std::ops::Deref for Verified<T> { type Target = T; fn deref(&self) -> &T { &self.0 } }
pub fn verify(_b: &Book, o: Outcome, _m: Mode) -> Result<Verified<Outcome>, Vec<Broken>> { Ok(Verified(o)) }
