//! Repair, end to end: after a plan is applied both sides agree, after a revert the table is what it was; nobody's changes are lost, and
//! nothing happens that nobody allowed.

mod allowed;
mod bad_input;
mod cases;
mod concurrent;
mod files;
mod forged;
mod mysql;
mod mysql_target;
mod postgres;
mod postgres_target;
mod sqlite;

use crate::support::tieout::{Finished, Tieout};

/// The project file of one rule, and what else stands in it.
pub struct Given<'a> {
    pub source: &'a str,
    pub target: &'a str,
    pub rule: &'a str,
    pub rest: &'a str,
}

pub const AUTO: &str = "repair: {policy: [{decide: auto}]}\n";

impl Given<'_> {
    pub fn write(&self, tieout: &Tieout) {
        let Given { source, target, rule, rest } = self;
        let text = format!(
            "datasets:\n  a: {{{source}}}\n  b: {{{target}}}\nrules:\n  r:\n    source: a\n    target: b\n    {rule}\n{rest}"
        );
        std::fs::write(tieout.path("tieout.yaml"), text).unwrap();
    }
}

/// Plans the rule; the digest of the one plan.
pub fn planned(tieout: &Tieout) -> String {
    let told = tieout.run(["repair", "plan", "r", "--format", "json"]).exits(0).json();
    let plans = told["plans"].as_array().unwrap().clone();
    assert_eq!(plans.len(), 1, "{told:#}");
    assert_eq!(
        plans[0]["counts"]["refused"],
        0,
        "{}",
        tieout.run(["repair", "show", plans[0]["plan"].as_str().unwrap()]).exits(0).stdout
    );
    plans[0]["plan"].as_str().unwrap().to_string()
}

pub fn applied(tieout: &Tieout, plan: &str) -> serde_json::Value {
    told(tieout.run(["repair", "apply", plan, "--format", "json"]))
}

pub fn reverted(tieout: &Tieout, plan: &str) -> serde_json::Value {
    told(tieout.run(["repair", "revert", plan, "--format", "json"]))
}

fn told(ended: Finished) -> serde_json::Value {
    let json = ended.json();
    assert!(json["outcome"].is_string(), "{json:#}");
    json
}

pub fn verified(tieout: &Tieout) {
    tieout.run(["ledger", "verify"]).exits(0);
}

/// A number that looks random, of a seed that goes on.
pub fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) ^ (*seed >> 11)
}

/// How many random cases: more by the environment.
pub fn cases() -> u64 {
    std::env::var("TIEOUT_REPAIR_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(12)
}
