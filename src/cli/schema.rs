//! `tieout schema`: the JSON Schema of the project file, for editors.

use crate::cli::{End, print};
use crate::error::Result;
use crate::project;

/// Print the JSON Schema of the project file
#[derive(Debug, clap::Args)]
#[command(after_help = "\
An editor with a YAML language server checks tieout.yaml while it is written, when the file begins with
  # yaml-language-server: $schema=tieout.schema.json
and `tieout schema > tieout.schema.json` was run beside it.")]
pub struct Args {}

pub fn execute() -> Result<End> {
    print::out(&format!("{:#}\n", project::json_schema()))?;
    Ok(End::Done)
}
