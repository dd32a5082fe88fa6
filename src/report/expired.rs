//! What expired, as text.

use crate::report::numbers::{bytes, count, counted};
use crate::report::value::escape;
use crate::run::Expired;

/// A line a rule, and the sum.
pub fn expired(expired: &Expired) -> String {
    let before = expired.before.format("%Y-%m-%d %H:%M:%SZ");
    if expired.rules.is_empty() {
        return format!("nothing to expire: no table is from before {before}, but for those that hold what is open\n");
    }
    let mut out = String::new();
    for rule in &expired.rules {
        let (runs, files) = (counted(rule.runs, "run"), counted(rule.files, "file"));
        out.push_str(&format!("{}: tables of {runs}, {files} ({})\n", escape(&rule.rule), bytes(rule.bytes)));
    }
    let all = bytes(expired.rules.iter().map(|rule| rule.bytes).sum());
    out.push_str(&match expired.entry {
        Some(entry) => {
            format!("{all} from before {before} removed; entry {} of the ledger tells of it\n", count(entry))
        }
        None => format!("{all} from before {before} would go\n"),
    });
    out
}
