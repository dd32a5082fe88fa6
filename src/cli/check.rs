//! `tieout check`: whether the project is valid; with `--online`, whether its datasets open.

use crate::cli::args::{EngineArgs, ProjectArgs};
use crate::cli::bars::Bars;
use crate::cli::{End, Volume, print, runtime};
use crate::error::Result;
use crate::report::numbers::{bytes, count, counted};
use crate::report::table::{Align, Cell, Table};
use crate::report::value::escape;
use crate::run::{self, DatasetCheck};

/// Validate the project; with --online, open its datasets too
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Open each dataset and tell its columns, rows and files
    #[arg(long)]
    online: bool,
    #[command(flatten)]
    project: ProjectArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

pub fn execute(args: Args, volume: Volume) -> Result<End> {
    let project = args.project.load()?;
    if args.online {
        let options = args.engine.options();
        let bars = Bars::start(&options.progress, volume);
        let checks = runtime::block_on(args.engine.threads, &options.databases, run::check_online(&project, &options));
        drop(bars);
        print::out(&table(&checks?))?;
    }
    let datasets = counted(project.datasets.len() as u64, "dataset");
    let rules = counted(project.rules.len() as u64, "rule");
    let opened = if args.online { "; every dataset opens" } else { "" };
    print::out(&format!("The project is valid: {datasets}, {rules}{opened}.\n"))?;
    Ok(End::Done)
}

fn table(checks: &[DatasetCheck]) -> String {
    use Align::{Left, Right};
    let mut table = Table::new([Left, Left, Right, Right, Right, Right]);
    table.row(["dataset", "connector", "columns", "rows", "files", "size"].map(Cell::from)).rule();
    for check in checks {
        table.row([
            escape(&check.name).into(),
            check.connector.into(),
            count(check.columns as u64).into(),
            // Text formats do not say how many rows they hold.
            check.rows.map_or(String::new(), count).into(),
            count(check.files as u64).into(),
            bytes(check.bytes).into(),
        ]);
    }
    table.render("") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datasets_in_a_table() {
        let check = |name: &str, connector, rows| DatasetCheck {
            name: name.into(),
            connector,
            columns: 9,
            rows,
            files: 2,
            bytes: 1 << 20,
        };
        let checks = [check("lake.orders", "parquet", Some(1_500_000)), check("bank", "csv", None)];
        insta::assert_snapshot!(table(&checks), @"
        dataset      connector  columns       rows  files     size
        -----------  ---------  -------  ---------  -----  -------
        lake.orders  parquet          9  1,500,000      2  1.0 MiB
        bank         csv              9                 2  1.0 MiB
        ");
    }
}
