//! `tieout ack`: people's word on divergences.

use chrono::{DateTime, Days, NaiveDate, Utc};

use crate::ack::{Choice, Word, acknowledge, withdraw};
use crate::cli::End;
use crate::cli::past::PastArgs;
use crate::cli::print::layout;
use crate::error::{Error, ErrorKind, Result};
use crate::history::Past;
use crate::report;

/// Acknowledge divergences: they stay visible, and do not count until a date, or until they change
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tieout ack 1f3a9c07 --note \"known rounding, ticket 4711\" --until 2027-01-31
  tieout ack --rule orders --where \"kind = 'missing_in_target' AND order_id < 100\" --note \"before the migration\"
  tieout ack 1f3a9c07 --withdraw --note \"it was not rounding after all\"
  tieout ack --list")]
pub struct Args {
    /// A divergence's id, or as much of its beginning as only that one has: 8 letters or more
    #[arg(value_name = "ID", required_unless_present_any = ["condition", "list"], conflicts_with_all = ["condition", "list"])]
    ids: Vec<String>,
    /// The rule that the divergences are of
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// All open divergences of the rule that fulfil this condition over the columns of history.RULE
    #[arg(id = "condition", long = "where", value_name = "SQL", requires = "rule", conflicts_with = "list")]
    condition: Option<String>,
    /// Why; it is kept in the ledger
    #[arg(long, value_name = "TEXT", required_unless_present = "list", conflicts_with = "list")]
    note: Option<String>,
    /// A day (UTC, to its end), or an instant such as 2027-01-31T12:00:00Z, from which on they count again
    #[arg(long, value_name = "DATE", conflicts_with_all = ["list", "withdraw"])]
    until: Option<String>,
    /// Take acknowledgements back
    #[arg(long, conflicts_with = "list")]
    withdraw: bool,
    /// Tell what is acknowledged, and what became of it
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    pub past: PastArgs,
}

pub fn execute(args: &Args) -> Result<End> {
    let until = args.until.as_deref().map(|text| until(text, Utc::now())).transpose()?;
    let note = args.note.as_deref().unwrap_or_default().trim();
    if note.is_empty() && !args.list {
        return Err(
            Error::new(ErrorKind::Usage, "--note is empty").hint("say why they need not count: others will ask")
        );
    }
    let project = args.past.project()?;
    let known: Vec<&str> = project.iter().flat_map(|project| &project.rules).map(|rule| rule.name.as_str()).collect();
    if args.list {
        let ask = async |past: &Past| past.acknowledged(args.rule.as_deref(), &known).await;
        args.past.tell(project.as_ref(), ask, |told| report::acks(told, layout()))?;
        return Ok(End::Done);
    }
    let choice = match (&args.condition, &args.rule) {
        (Some(condition), Some(rule)) => Choice::Where { rule: rule.clone(), condition: condition.clone() },
        (_, rule) => Choice::Ids { ids: args.ids.clone(), rule: rule.clone() },
    };
    let word = Word { note: note.to_string(), until };
    args.past.tell(
        project.as_ref(),
        async |past| match args.withdraw {
            true => withdraw(past, &choice, &word, &known).await,
            false => acknowledge(past, &choice, &word, &known).await,
        },
        |told| report::given(told, if args.withdraw { "withdrew what was acknowledged of" } else { "acknowledged" }),
    )?;
    Ok(End::Done)
}

/// When a day or an instant is over.
fn until(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|day| day.checked_add_days(Days::new(1)));
    let end = match (day.and_then(|day| day.and_hms_opt(0, 0, 0)), DateTime::parse_from_rfc3339(text)) {
        (Some(end), _) => end.and_utc(),
        (None, Ok(instant)) => instant.to_utc(),
        (None, Err(_)) => {
            return Err(Error::new(ErrorKind::Usage, format!("`{text}` is neither a day nor an instant"))
                .context("flag", "--until")
                .hint("write it as 2027-01-31, or with a time and zone as 2027-01-31T12:00:00Z"));
        }
    };
    match end > now {
        true => Ok(end),
        false => Err(Error::new(ErrorKind::Usage, format!("`{text}` is past: nothing would be acknowledged"))
            .context("flag", "--until")
            .hint("name a day to come, or leave out --until")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_end_at_midnight_of_utc() {
        let now: DateTime<Utc> = "2026-06-30T23:59:59Z".parse().unwrap();
        let ends =
            |text: &str| until(text, now).map(|end| end.to_rfc3339()).map_err(|error| error.message().to_string());
        assert_eq!(ends("2026-06-30").unwrap(), "2026-07-01T00:00:00+00:00");
        assert_eq!(ends("2026-07-01T02:00:00+02:00").unwrap(), "2026-07-01T00:00:00+00:00");
        for past in ["2026-06-29", "2026-06-30T23:59:59Z"] {
            assert!(ends(past).unwrap_err().contains("is past"), "{past}");
        }
        for odd in ["", "tomorrow", "2026-02-30", "2026-07-01T12:00:00", "30.6.2027"] {
            assert!(ends(odd).unwrap_err().contains("neither a day nor an instant"), "{odd}");
        }
    }
}
