//! Double entry: accounts and immutable transfers; a balance is derived, never edited.
//!
//! Invariants: every transfer debits one account and credits another with the same positive
//! amount, so the sum of all balances is 0; no participant account goes negative.
//! Absent on purpose: updating or deleting a transfer. A correction is a new transfer.
use crate::ids::{OrderId, ParticipantId, TransferId};
use crate::time::{Slot, Timestamp};
use crate::units::Credits;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    Available(ParticipantId),
    Held(ParticipantId),
    Escrow,
    OperatorIncome,
    PlatformRisk,
    Disputed,
    Rounding,
    Issued,
}

const EXCHANGE: [(Account, &str); 6] = [
    (Account::Escrow, "exchange/escrow"),
    (Account::OperatorIncome, "exchange/operator_income"),
    (Account::PlatformRisk, "exchange/platform_risk"),
    (Account::Disputed, "exchange/disputed"),
    (Account::Rounding, "exchange/rounding"),
    (Account::Issued, "exchange/issued"),
];

impl Account {
    pub fn participant(self) -> Option<ParticipantId> {
        match self {
            Account::Available(id) | Account::Held(id) => Some(id),
            _ => None,
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Account::Available(id) => write!(f, "{id}/available"),
            Account::Held(id) => write!(f, "{id}/held"),
            other => {
                let name = EXCHANGE.iter().find(|(account, _)| account == other);
                f.write_str(name.map_or("exchange", |(_, name)| name))
            }
        }
    }
}

impl std::str::FromStr for Account {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((account, _)) = EXCHANGE.iter().find(|(_, name)| *name == text) {
            return Ok(*account);
        }
        let (owner, kind) = text.split_once('/').ok_or("not an account")?;
        let owner = owner.parse().map_err(|_| "not an account of a participant")?;
        match kind {
            "available" => Ok(Account::Available(owner)),
            "held" => Ok(Account::Held(owner)),
            _ => Err("an account is available or held"),
        }
    }
}
impl Serialize for Account {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}
#[cfg(feature = "schema")]
impl utoipa::PartialSchema for Account {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .examples([serde_json::json!("exchange/escrow")])
            .into()
    }
}
#[cfg(feature = "schema")]
impl utoipa::ToSchema for Account {}

/// Why money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum TransferKind {
    /// Credits granted by quota or bought: issued → available.
    Grant,
    /// An accepted order: available → held.
    Hold,
    /// What a hold no longer has to cover: held → available.
    Release,
    /// An award: held → escrow.
    Charge,
    /// Awarded and not delivered: escrow → available.
    CreditNote,
    /// Lent or resold and delivered: escrow → available of the seller.
    Proceeds,
    /// Capacity that was kept for a program which could not be moved to it: available → escrow, and
    /// from there to the sellers that were not paid for it.
    ReservationFee,
    /// The operator's supply, delivered: escrow → operator income.
    OperatorIncome,
    /// Sellers made whole for what the platform failed to deliver: platform risk → escrow.
    PlatformRisk,
    /// What a lender pays for what its workload kept: its available → that of a buyer that missed it.
    Compensation,
    /// What a member claims is set aside: platform risk → disputed.
    DisputeFrozen,
    /// What was not granted of it: disputed → platform risk.
    DisputeReleased,
    /// What was granted of it: disputed → available.
    DisputeNote,
    /// Residue of rounding to a micro-credit.
    Rounding,
}

impl TransferKind {
    /// Whether it is always between two accounts of one participant: such moves are on no statement.
    pub const fn stays_with_its_owner(self) -> bool {
        matches!(self, TransferKind::Hold | TransferKind::Release)
    }
    pub const fn name(self) -> &'static str {
        match self {
            TransferKind::Grant => "grant",
            TransferKind::Hold => "hold",
            TransferKind::Release => "release",
            TransferKind::Charge => "charge",
            TransferKind::CreditNote => "credit_note",
            TransferKind::Proceeds => "proceeds",
            TransferKind::ReservationFee => "reservation_fee",
            TransferKind::OperatorIncome => "operator_income",
            TransferKind::PlatformRisk => "platform_risk",
            TransferKind::Compensation => "compensation",
            TransferKind::DisputeFrozen => "dispute_frozen",
            TransferKind::DisputeReleased => "dispute_released",
            TransferKind::DisputeNote => "dispute_note",
            TransferKind::Rounding => "rounding",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Transfer {
    pub id: TransferId,
    pub kind: TransferKind,
    pub debit: Account,
    pub credit: Account,
    /// Always positive.
    pub amount: Credits,
    pub order: Option<OrderId>,
    pub round: Option<u64>,
    pub slot: Option<Slot>,
    pub at: Timestamp,
}

/// Why a transfer can't be posted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    #[error("a transfer moves a positive amount between two accounts")]
    NotATransfer,
    #[error("{account} has {balance}, the transfer needs {amount}")]
    Overdraft { account: Account, balance: Credits, amount: Credits },
    #[error("the balance of {0} would not fit")]
    Overflow(Account),
}

/// Balances derived from the transfers: credits − debits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    balances: BTreeMap<Account, Credits>,
}

impl Ledger {
    pub fn balance(&self, account: Account) -> Credits {
        self.balances.get(&account).copied().unwrap_or_default()
    }
    pub fn balances(&self) -> impl Iterator<Item = (Account, Credits)> + '_ {
        self.balances.iter().map(|(a, c)| (*a, *c))
    }
    /// Sets a balance while the state is loaded from its tables.
    pub fn restore(&mut self, account: Account, balance: Credits) {
        self.balances.insert(account, balance);
    }
    /// Whether `transfer` may be posted now.
    pub fn check(&self, transfer: &Transfer) -> Result<(), PostError> {
        if transfer.amount <= Credits::ZERO || transfer.debit == transfer.credit {
            return Err(PostError::NotATransfer);
        }
        let balance = self.balance(transfer.debit);
        let after = balance.checked_sub(transfer.amount).ok_or(PostError::Overflow(transfer.debit))?;
        if transfer.debit.participant().is_some() && after.is_negative() {
            let (account, amount) = (transfer.debit, transfer.amount);
            return Err(PostError::Overdraft { account, balance, amount });
        }
        let credit = self.balance(transfer.credit).checked_add(transfer.amount);
        credit.map(|_| ()).ok_or(PostError::Overflow(transfer.credit))
    }
    /// Posts a transfer that [`Ledger::check`] has passed.
    pub fn post(&mut self, transfer: &Transfer) {
        let debit = self.balances.entry(transfer.debit).or_default();
        *debit = *debit - transfer.amount;
        let credit = self.balances.entry(transfer.credit).or_default();
        *credit += transfer.amount;
    }
    /// 0 at every commit, or money was made or lost.
    pub fn sum(&self) -> i128 {
        self.balances.values().map(|c| i128::from(c.units())).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::IdSource;

    fn transfer(debit: Account, credit: Account, units: i64) -> Transfer {
        let mut ids = IdSource::new(Timestamp::from_seconds(0), 1);
        Transfer {
            id: TransferId::next(&mut ids),
            kind: TransferKind::Grant,
            debit,
            credit,
            amount: Credits::from_units(units),
            order: None,
            round: None,
            slot: None,
            at: Timestamp::from_seconds(0),
        }
    }

    #[test]
    fn money_is_conserved_and_nobody_overdraws() {
        let owner = ParticipantId::from_raw(7);
        let mut ledger = Ledger::default();
        let grant = transfer(Account::Issued, Account::Available(owner), 100);
        ledger.check(&grant).unwrap();
        ledger.post(&grant);
        let hold = transfer(Account::Available(owner), Account::Held(owner), 101);
        assert!(matches!(ledger.check(&hold), Err(PostError::Overdraft { .. })));
        for wrong in [0, -5] {
            let bad = transfer(Account::Available(owner), Account::Held(owner), wrong);
            assert_eq!(ledger.check(&bad), Err(PostError::NotATransfer));
        }
        let same = transfer(Account::Escrow, Account::Escrow, 1);
        assert_eq!(ledger.check(&same), Err(PostError::NotATransfer));
        assert_eq!(ledger.sum(), 0);
        assert_eq!(ledger.balance(Account::Issued).units(), -100);
    }

    #[test]
    fn account_names_round_trip() {
        let owner = ParticipantId::from_raw(7);
        for account in [Account::Available(owner), Account::Held(owner), Account::Escrow, Account::Issued] {
            assert_eq!(account.to_string().parse::<Account>(), Ok(account));
        }
    }
}
