//! The sign of an output, `_tieout.json`: that the folder holds results, and in which form.

use crate::error::{Error, ErrorKind, Result};

/// Says that a folder holds results, and in which form.
pub const MARKER: &str = "_tieout.json";

/// Of the form of all that is in the folder.
const VERSION: u64 = 1;

/// Whether the folder's marker is one of ours, in a version that is known.
pub fn check_marker(bytes: &[u8], display: &str) -> Result<()> {
    let marker: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    let version = marker["version"].as_u64();
    match (marker["store"].as_str(), version) {
        (Some("tieout"), Some(VERSION)) => Ok(()),
        (Some("tieout"), Some(newer)) if newer > VERSION => {
            let message =
                format!("the output {display} is of version {newer}, which this version of tieout does not know");
            Err(Error::new(ErrorKind::Output, message)
                .hint("use the version that wrote it, or a newer one; or another output"))
        }
        _ => {
            let message = format!("{MARKER} of the output {display} is not what tieout writes");
            let hint = format!(
                "choose another output; or, if the folder is one of tieout's, remove {MARKER}: the next run writes it anew"
            );
            Err(Error::new(ErrorKind::Output, message).hint(hint))
        }
    }
}
