//! Typed ids: a prefix and a UUIDv7 in 26 Crockford characters, sortable by creation time.
//!
//! An id is made from the command's time and seed, never from ambient chance, so that a
//! replay makes the same ids.
use crate::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

fn encode(raw: u128) -> [u8; 26] {
    std::array::from_fn(|i| ALPHABET[(raw >> (5 * (25 - i)) & 31) as usize])
}

fn decode(text: &str) -> Option<u128> {
    if text.len() != 26 || text.as_bytes()[0] > b'7' {
        return None;
    }
    text.bytes().try_fold(0u128, |acc, byte| {
        let digit = ALPHABET.iter().position(|a| *a == byte)?;
        Some(acc << 5 | digit as u128)
    })
}

/// Makes ids from a time and a seed: the n-th id of a command is always the same.
#[derive(Debug, Clone)]
pub struct IdSource {
    millis: u128,
    seed: u64,
    count: u64,
}

impl IdSource {
    pub fn new(now: Timestamp, seed: u64) -> Self {
        let millis = now.micros().div_euclid(1000).max(0) as u128;
        Self { millis, seed, count: 0 }
    }
    /// The next UUIDv7: 48 bits of time, then bits of BLAKE3(seed ‖ count).
    pub fn next_raw(&mut self) -> u128 {
        let mut input = [0u8; 16];
        input[..8].copy_from_slice(&self.seed.to_le_bytes());
        input[8..].copy_from_slice(&self.count.to_le_bytes());
        self.count += 1;
        let hash = blake3::hash(&input);
        let mut bits = [0u8; 16];
        bits.copy_from_slice(&hash.as_bytes()[..16]);
        let chance = u128::from_le_bytes(bits);
        let (version, variant) = (7u128 << 76, 2u128 << 62);
        let random_high = (chance >> 64 & 0xfff) << 64;
        let random_low = chance & ((1 << 62) - 1);
        (self.millis & ((1 << 48) - 1)) << 80 | version | random_high | variant | random_low
    }
}

/// A UUIDv7 with a counter where others have chance (RFC 9562, section 6.2): of one moment, too, they sort by it.
pub fn counted_raw(now: Timestamp, count: u64) -> u128 {
    let millis = now.micros().div_euclid(1000).max(0) as u128;
    (millis & ((1 << 48) - 1)) << 80 | 7u128 << 76 | 2u128 << 62 | (u128::from(count) & ((1 << 62) - 1))
}

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            pub const PREFIX: &'static str = $prefix;
            pub fn next(source: &mut IdSource) -> Self {
                Self(source.next_raw())
            }
            pub const fn from_raw(raw: u128) -> Self {
                Self(raw)
            }
            pub const fn raw(self) -> u128 {
                self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text = encode(self.0);
                f.write_str($prefix)?;
                f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl std::str::FromStr for $name {
            type Err = &'static str;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.strip_prefix($prefix)
                    .and_then(decode)
                    .map(Self)
                    .ok_or(concat!("not an id of the form ", $prefix, "… with 26 characters"))
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
        #[cfg(feature = "schema")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some(concat!("^", $prefix, "[0-7][0-9a-hjkmnp-tv-z]{25}$")))
                    .examples([serde_json::json!(concat!($prefix, "01jd3z6k2m9x7q4v8n5t1w0r3c"))])
                    .into()
            }
        }
        #[cfg(feature = "schema")]
        impl utoipa::ToSchema for $name {}
    )*};
}

typed_ids! {
    /// A team that trades.
    ParticipantId "par_";
    UserId "usr_";
    KeyId "key_";
    PoolId "poo_";
    NodeId "nod_";
    InstanceId "ins_";
    ModuleId "mod_";
    BidId "bid_";
    OfferId "off_";
    RoundId "rnd_";
    AwardId "awd_";
    SwapId "swp_";
    ReceiptId "rcp_";
    TransferId "tra_";
    ReservePriceId "rsv_";
    ProfileId "prf_";
    HintId "hnt_";
    ProjectId "prj_";
    RequestId "req_";
    AuditId "aud_";
    DisputeId "dsp_";
}

/// A bid or an offer: one id space, told apart by the prefix.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderId {
    Bid(BidId),
    Offer(OfferId),
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OrderId::Bid(id) => id.fmt(f),
            OrderId::Offer(id) => id.fmt(f),
        }
    }
}
impl fmt::Debug for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl std::str::FromStr for OrderId {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(id) => Ok(OrderId::Bid(id)),
            Err(_) => text
                .parse()
                .map(OrderId::Offer)
                .map_err(|_| "not an order id of the form bid_… or off_… with 26 characters"),
        }
    }
}
impl Serialize for OrderId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for OrderId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}
#[cfg(feature = "schema")]
impl utoipa::PartialSchema for OrderId {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some("^(bid|off)_[0-7][0-9a-hjkmnp-tv-z]{25}$"))
            .examples([serde_json::json!("bid_01jd3z6k2m9x7q4v8n5t1w0r3c")])
            .into()
    }
}
#[cfg(feature = "schema")]
impl utoipa::ToSchema for OrderId {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_sort_by_time_and_know_their_kind() {
        let mut early = IdSource::new(Timestamp::from_seconds(1_000), 7);
        let mut late = IdSource::new(Timestamp::from_seconds(2_000), 3);
        let (a, b) = (BidId::next(&mut early), BidId::next(&mut late));
        assert!(a < b && a.to_string() < b.to_string());
        assert_eq!(a.to_string().parse::<BidId>(), Ok(a));
        assert!(a.to_string().parse::<OfferId>().is_err());
        assert_eq!(a.raw() >> 76 & 15, 7, "version");
        assert_eq!(a.raw() >> 62 & 3, 2, "variant");
    }
}
