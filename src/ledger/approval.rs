//! What an approval of a plan is a signature of. Whose word counts is not the ledger's matter; that nobody edited it, is.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use chrono::{DateTime, Utc};

use crate::ledger::entry::RepairApproved;
use crate::ledger::seal::{PublicKey, signed_by};

impl RepairApproved {
    /// Somebody's word on a plan, signed.
    pub fn sign(
        plan: &str,
        approver: &str,
        at: DateTime<Utc>,
        expires: DateTime<Utc>,
        pair: &Ed25519KeyPair,
    ) -> RepairApproved {
        let public_key = PublicKey::of(pair.public_key().as_ref()).to_string();
        let (plan, approver) = (plan.to_string(), approver.to_string());
        let mut approved = Self { plan, approver, at, expires, public_key, signature: String::new() };
        approved.signature = hex::encode(pair.sign(approved.signed_text().as_bytes()).as_ref());
        approved
    }

    /// It says of what format it is, so that it is a signature of nothing else; the name stands last, for it may hold anything.
    fn signed_text(&self) -> String {
        let Self { plan, approver, at, expires, .. } = self;
        let (at, expires) = (at.to_rfc3339(), expires.to_rfc3339());
        format!("tieout repair approval, version 1\nplan {plan}\nat {at}\nexpires {expires}\napprover {approver}\n")
    }

    /// Whether the signature is that key's, whatever key the approval itself names.
    pub fn is_signed_with(&self, key: &PublicKey) -> bool {
        signed_by(key, &self.signature, self.signed_text().as_bytes())
    }

    /// Whether the signature is that of the key that the approval names.
    pub fn holds(&self) -> bool {
        self.public_key.parse().is_ok_and(|key| self.is_signed_with(&key))
    }
}
