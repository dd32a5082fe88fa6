//! Repair of Parquet and CSV files: corrected copies, one put in place of its original, and the way back.

mod csv;
mod in_place;
mod parquet;
mod store;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::tieout::Tieout;

/// Copies that were written, each with the original (none: it is new).
fn copies(told: &Value) -> Vec<(Option<PathBuf>, PathBuf)> {
    let path = |value: &Value| value.as_str().map(PathBuf::from);
    let files = told["files"].as_array().map_or(&[][..], Vec::as_slice);
    files.iter().map(|file| (path(&file["file"]), path(&file["copy"]).unwrap_or_default())).collect()
}

/// Puts corrected copies where their originals are, as a user would.
fn take_over(told: &Value) {
    for (original, copy) in copies(told) {
        let folders = |path: &Path| path.to_str().unwrap().split("/files/").nth(1).unwrap().to_string();
        std::fs::copy(&copy, original.unwrap_or_else(|| panic!("a new file: {}", folders(&copy)))).unwrap();
    }
}

/// Applies a plan with a copy put in place.
fn applied_in_place(tieout: &Tieout, plan: &str) -> Value {
    super::told(tieout.run(["repair", "apply", plan, "--in-place", "--format", "json"]))
}
