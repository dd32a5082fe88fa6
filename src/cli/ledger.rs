//! `tieout ledger show | verify | export | seal`: what happened in an output, and proof that nobody changed it.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Subcommand, ValueHint};

use crate::cli::args::{Format, ProjectArgs};
use crate::cli::print::{self, Reader};
use crate::cli::{End, runtime};
use crate::dataset::Databases;
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::{Entry, Expected, Head, Ledger, Verified, read_private, read_public, seal, verify};
use crate::report::entry_line;
use crate::report::numbers::{bytes, count, counted};
use crate::report::value::escape;
use crate::run::report::Outcome;

/// Show, verify, export or seal what happened in an output
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tieout ledger show --limit 5
  tieout ledger verify --key seal.pub
  tieout ledger export --out s3://bucket/recon > ledger.ndjson
  tieout keys new seal && tieout ledger seal --key seal

Exit code of verify: 0 all is as it was written, 1 something is not, 2 it could not be read.")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

/// Whose ledger.
#[derive(Debug, clap::Args)]
struct Place {
    /// The output: a folder or a URL [default: the project's]
    #[arg(long, value_name = "DIR|URL", value_hint = ValueHint::DirPath)]
    out: Option<String>,
    #[command(flatten)]
    project: ProjectArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The last entries, newest last
    Show {
        /// Entries shown
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: usize,
        /// Text for people, or one JSON document
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
        #[command(flatten)]
        place: Place,
    },
    /// Check every entry, and every file that an entry names
    Verify {
        /// Only seals of this public key count, and there must be one; a file or `ed25519:HEX`; may repeat
        #[arg(long, value_name = "FILE|HEX")]
        key: Vec<String>,
        /// An entry that must be there with this hash, as `seal` told it; may repeat
        #[arg(long, value_name = "NUMBER:HASH", value_parser = expected)]
        expect: Vec<Head>,
        /// Text for people, or one JSON document
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
        #[command(flatten)]
        place: Place,
    },
    /// All entries as they are stored, one a line
    Export {
        #[command(flatten)]
        place: Place,
    },
    /// Sign the newest entry, and with it all before it
    Seal {
        /// The private key, as `tieout keys new` wrote it
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        key: PathBuf,
        #[command(flatten)]
        place: Place,
    },
}

impl Args {
    pub fn speaks_json(&self) -> bool {
        matches!(
            self.command,
            Command::Show { format: Format::Json, .. } | Command::Verify { format: Format::Json, .. }
        )
    }
}

impl Place {
    fn location(&self) -> Result<String> {
        match &self.out {
            Some(out) if out.is_empty() => {
                Err(Error::new(ErrorKind::Usage, "--out is empty").hint("name a folder or a URL"))
            }
            Some(out) => Ok(out.clone()),
            None => match self.project.load_if_any()? {
                Some(project) => Ok(project.output),
                None => Err(Error::new(ErrorKind::Usage, "there is no project here, and no output is named")
                    .hint("name the output with --out, or a project with --project")),
            },
        }
    }
}

fn expected(text: &str) -> std::result::Result<Head, String> {
    let (number, hash) = text.split_once(':').ok_or("it is not NUMBER:HASH")?;
    let whole = hash.len() == 64 && hash.bytes().all(|digit| digit.is_ascii_hexdigit());
    match u64::from_str(number) {
        Ok(number) if whole => Ok(Head { number, hash: hash.to_ascii_lowercase() }),
        _ => Err("it is not NUMBER:HASH, with 64 hexadecimal digits".into()),
    }
}

pub fn execute(args: Args) -> Result<End> {
    match args.command {
        Command::Show { limit, format, place } => show(&place.location()?, limit, format),
        Command::Verify { key, expect, format, place } => {
            let location = place.location()?;
            let keys = key.iter().map(|key| read_public(key)).collect::<Result<_>>()?;
            verified(&location, &Expected { keys, heads: expect }, format)
        }
        Command::Export { place } => export(&place.location()?),
        Command::Seal { key, place } => {
            let location = place.location()?;
            let pair = read_private(&key)?;
            let work = async { seal(&Ledger::at(&location).await?, &pair).await };
            let sealed = runtime::block_on(None, &Databases::default(), work)?;
            print::out(&format!("{}:{}\n", sealed.number, sealed.hash))?;
            print::note(&format!(
                "sealed with {}; keep the line above: `tieout ledger verify --expect` tells with it whether the end was cut off\n",
                sealed.public_key
            ));
            Ok(End::Done)
        }
    }
}

fn show(location: &str, limit: usize, format: Format) -> Result<End> {
    let work = async { Ledger::at(location).await?.last(limit).await };
    let entries = runtime::block_on(None, &Databases::default(), work)?;
    let mut text = String::new();
    let mut document = Vec::new();
    for (number, stored) in entries {
        match (format, Entry::decode(&stored)) {
            (Format::Json, _) => {
                let entry: Option<serde_json::Value> = serde_json::from_slice(&stored).ok();
                document.push(entry.unwrap_or_else(|| serde_json::json!({"number": number, "unreadable": true})));
            }
            (Format::Text, Ok(entry)) => text.push_str(&entry_line(&entry)),
            (Format::Text, Err(why)) => text.push_str(&format!("{number:>6}  cannot be read: {}\n", escape(&why))),
        }
    }
    if format == Format::Json {
        text = pretty(&document)?;
    }
    print::out(&text)?;
    Ok(End::Done)
}

fn pretty(document: &impl serde::Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(document);
    let text = text.map_err(|error| Error::new(ErrorKind::Internal, "the document cannot be written").source(error))?;
    Ok(text + "\n")
}

fn verified(location: &str, expected: &Expected, format: Format) -> Result<End> {
    let work = async { verify(&Ledger::at(location).await?, expected).await };
    let verified = runtime::block_on(None, &Databases::default(), work)?;
    let text = match format {
        Format::Json => pretty(&verified)?,
        Format::Text => words(&verified),
    };
    print::out(&text)?;
    match verified.wrong.is_empty() {
        true => Ok(End::Done),
        false => Ok(End::Verdict(Outcome::Diverged)),
    }
}

fn words(verified: &Verified) -> String {
    let mut text = String::new();
    for finding in &verified.wrong {
        text.push_str(&format!("{}: {}\n", escape(&finding.path), escape(&finding.wrong)));
    }
    for note in &verified.notes {
        text.push_str(&format!("note: {}\n", escape(note)));
    }
    let entries = match verified.entries {
        1 => "1 entry".to_string(),
        n => format!("{} entries", count(n)),
    };
    let read = format!("{entries}, {} ({})", counted(verified.files, "file"), bytes(verified.bytes));
    let seals = match verified.seals {
        0 => String::new(),
        n => format!(", {}", counted(n, "seal")),
    };
    text.push_str(&match verified.wrong.len() as u64 {
        0 => format!("{read}{seals}: all is as it was written\n"),
        1 => format!("1 thing is wrong; {read}{seals} could be verified\n"),
        n => format!("{} things are wrong; {read}{seals} could be verified\n", count(n)),
    });
    text
}

/// Page by page, so that memory does not grow with the ledger.
fn export(location: &str) -> Result<End> {
    let work = async {
        let ledger = Ledger::at(location).await?;
        ledger.each(|_, stored| Ok(print::out(&String::from_utf8_lossy(stored))? == Reader::There)).await
    };
    runtime::block_on(None, &Databases::default(), work)?;
    Ok(End::Done)
}
